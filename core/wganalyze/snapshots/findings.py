"""What the files themselves show: equal content, equal names, names that contradict keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from wganalyze.contracts.measurement import Finding
from wganalyze.files.duplicates import equal_files
from wganalyze.networks.draft import Draft
from wganalyze.networks.norms import encodings
from wganalyze.snapshots.moment import Member


def with_findings(snapshots: Sequence[Draft], base: Path) -> Iterator[Draft]:
    """What comparing the files shows: equal content, and equal names in several folders."""
    by_path: dict[Path, list[Finding]] = {}
    files = list(dict.fromkeys(path for snapshot in snapshots for path in snapshot.files))
    for equal in equal_files(files):
        names = [str(path.relative_to(base)) for path in equal.paths]
        text = f"{_list(names)} hold the same {'bytes' if equal.identical else 'tensors'}: one of them may be a copy"
        for path in equal.paths:
            by_path.setdefault(path, []).append(Finding("warning", "equal-files", text))
    namesakes: dict[tuple[str, int | None], dict[str, Path]] = {}
    for snapshot in snapshots:
        for path in snapshot.files:
            namesakes.setdefault((path.name, snapshot.step), {}).setdefault(snapshot.label, path)
    shared: dict[tuple[str, ...], list[Path]] = {}
    for places in namesakes.values():
        folders = tuple(dict.fromkeys(str(path.parent.relative_to(base)) for path in places.values()))
        if len(folders) > 1:
            shared.setdefault(folders, []).extend(places.values())
    for folders, paths in shared.items():
        same = _list([*dict.fromkeys(path.name for path in paths)])
        text = f"{_list(folders)} hold files of the same names ({same}): each folder is taken for a run of its own"
        for path in paths:
            by_path.setdefault(path, []).append(Finding("info", "equal-names", text))
    for snapshot in snapshots:
        shown = dict.fromkeys(finding for path in snapshot.files for finding in by_path.get(path, ()))
        yield replace(snapshot, findings=(*snapshot.findings, *shown))


def _list(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and 7 more"."""
    if len(names) <= 3:
        return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"{', '.join(names[:2])} and {len(names) - 2} more"


_SPECTRAL_NAMES = re.compile(r"(?<![a-z])(sn[-_ ]?(gan|dcgan|resnet)|spectral)", re.IGNORECASE)
_PENALTY_NAMES = re.compile(r"(?<![a-z])w?gan[-_ ]?(gp|lp|div)(?![a-z])", re.IGNORECASE)


def contradictions(critic: Member | None) -> Iterable[Finding]:
    """A critic whose name says one constraint and whose keys show another."""
    if critic is None or not critic.piece.keys:
        return
    path = critic.piece.part.path
    name = "/".join(path.parts[-3:])
    stored = encodings({key: spec.shape for key, spec in critic.piece.keys.items()})
    spectral = [text for text in stored if "spectral" in text]
    penalised, normed = _PENALTY_NAMES.search(name), _SPECTRAL_NAMES.search(name)
    if penalised and not normed and spectral:
        yield Finding(
            "warning",
            "name-contradicts-keys",
            f"{path.name} calls itself {penalised[0]}, and its keys are those of spectral normalisation "
            f"({', '.join(spectral)}): the name may be wrong, or both were used",
        )
    if normed and not penalised and not spectral:
        yield Finding(
            "info",
            "name-contradicts-keys",
            f"{path.name} calls itself {normed[0]}, and no key of its critic shows spectral normalisation: "
            "the name may be wrong, or the norm was folded into the weights",
        )
