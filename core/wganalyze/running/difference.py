"""Two checkpoints, tensor by tensor: what was added, removed, changed, and by how much. Nothing of a file is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from wganalyze.contracts.loader import Loader, Part, TensorSpec
from wganalyze.errors import UsageError, WganalyzeError
from wganalyze.files.duplicates import equal_files
from wganalyze.files.opening import OpenedFile, open_path
from wganalyze.networks.distance import Distance, distance
from wganalyze.text import one_line, reason_of

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
Status = Literal["equal", "changed", "retyped", "reshaped", "removed", "added", "unread"]
PROGRAM = "a program's tensors are read by running it, which is not done here"
HEADERS = "only headers were read"


@dataclass(frozen=True)
class TensorDifference:
    """One key of two checkpoints.

    ``file``: relative to the paths; "" where each path holds one file. ``part``: where in the file; "" for all of it.
    ``status``: "retyped" where the type alone says that they differ; "unread" where values could not be compared.
    ``a``, ``b``: as the headers have it; None where the key is not there.
    ``distance``: of the values, where they were read.
    ``note``: why they were not.
    """

    file: str
    part: str
    key: str
    status: Status
    a: TensorSpec | None = None
    b: TensorSpec | None = None
    distance: Distance | None = None
    note: str = ""

    @property
    def place(self) -> str:
        """File and part, for a title."""
        return ": ".join(filter(None, (self.file, self.part)))


@dataclass(frozen=True)
class FactDifference:
    """A scalar beside the tensors (epoch, step ...) that differs; None where it is not there."""

    file: str
    name: str
    a: object
    b: object


@dataclass
class Difference:
    """All that differs, and what is equal; ``problems``: what could not be compared, one line each."""

    tensors: list[TensorDifference] = field(default_factory=list)
    facts: list[FactDifference] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def counts(self) -> Counter[str]:
        """Tensors by status."""
        return Counter(tensor.status for tensor in self.tensors)

    @property
    def equal(self) -> bool:
        """Was everything compared, and is the same?"""
        return not self.facts and not self.problems and set(self.counts) <= {"equal"}


def difference(a: Path, b: Path, loaders: Mapping[str, Loader], *, headers: bool = False) -> Difference:
    """What makes ``b`` differ from ``a``: two files, or two folders, whose files are matched by relative path.

    ``headers``: compare keys, shapes and types alone. UsageError: a path is missing, or holds nothing that is known.
    """
    found = Difference()
    sides = (_known(a, loaders, found), _known(b, loaders, found))
    for name, first, second in _matched(*sides):
        if any(file is not None and not file.parts for file in (first, second)):
            continue  # damaged, which is among the problems
        alike = first is not None and second is not None and _same_bytes(first, second)
        parts = [_by_name(file.parts if file else ()) for file in (first, second)]
        for part, one, other in _matched(*parts):
            found.facts += [fact for fact in _facts(name, one, other) if fact not in found.facts]
            rows = list(_tensors(name, part, one, other, alike=alike, headers=headers))
            found.tensors += rows
            if not rows and not alike and one is not None and other is not None and one.has_content:
                found.problems.append(f"{other.path}: is not the same file, and names no tensors; {PROGRAM}")
    return found


def _known(path: Path, loaders: Mapping[str, Loader], found: Difference) -> dict[str, OpenedFile]:
    """The files of known kinds by relative path, without parts where they are damaged."""
    files = [file for file in open_path(path, loaders) if file.kind is not None]
    damaged = [problem for file in files if not file.parts for problem in file.problems]
    found.problems += damaged
    known = {file.path.relative_to(path).as_posix() if file.path != path else "": file for file in files}
    if not any(file.parts for file in files):
        reason = damaged[0] if damaged else "no loader knows any of its files"
        raise UsageError(f"{path}: nothing could be opened: {reason}; give what a trainer saved")
    return known


def _by_name(parts: Sequence[Part]) -> dict[str, Part]:
    """Parts by name; those that share one are numbered."""
    named: dict[str, Part] = {}
    for part in parts:
        name, number = part.name, 2
        while name in named:
            name, number = f"{part.name} ({number})", number + 1
        named[name] = part
    return named


def _matched(a: Mapping[str, T], b: Mapping[str, T]) -> Iterator[tuple[str, T | None, T | None]]:
    """Pairs by name, in the order of ``a`` and then of ``b``; where there is one on each side, whatever their names."""
    if len(a) == len(b) == 1:
        (name, one), (other_name, other) = *a.items(), *b.items()
        yield name if name == other_name else "", one, other
        return
    for name in [*a, *(name for name in b if name not in a)]:
        yield name, a.get(name), b.get(name)


def _same_bytes(a: OpenedFile, b: OpenedFile) -> bool:
    """The same content, which then need not be read; not where a part of it lies in other files."""
    alone = not any(part.others for file in (a, b) for part in file.parts)
    return alone and (a.path == b.path or bool(equal_files([a.path, b.path])))


def _facts(file: str, a: Part | None, b: Part | None) -> Iterator[FactDifference]:
    if a is None or b is None:
        return
    first, second = ({"step": p.step, **p.facts} if p.step is not None else dict(p.facts) for p in (a, b))
    for name in dict.fromkeys([*first, *second]):
        one, other = first.get(name), second.get(name)
        if one != other and not (one != one and other != other):  # NaN is what it was
            yield FactDifference(file, name, one, other)


def _tensors(
    file: str, part: str, a: Part | None, b: Part | None, *, alike: bool, headers: bool
) -> Iterator[TensorDifference]:
    first, second = a.keys if a else {}, b.keys if b else {}
    comparable = [key for key in first if key in second and first[key].shape == second[key].shape]
    read = _Values(a, b) if comparable and not alike and not headers else None
    for key in [*first, *(key for key in second if key not in first)]:
        one, other = first.get(key), second.get(key)
        status: Status = "removed" if other is None else "added" if one is None else "equal"
        far, note = None, ""
        if one is not None and other is not None:
            if one.shape != other.shape:
                status = "reshaped"
            elif not alike:
                far, note = (None, HEADERS) if read is None else read.distance(key)
                status = "unread" if far is None else "changed" if far.changed else "equal"
            if status in ("equal", "changed", "unread") and one.dtype != other.dtype:
                status = "retyped"
        yield TensorDifference(file, part, key, status, one, other, far, note)


class _Values:
    """The tensors of two parts, or why they are not there."""

    def __init__(self, a: Part | None, b: Part | None):
        self.reason = ""
        self.tensors: list[Mapping[str, Tensor]] = []
        for part in (a, b):
            reader = _reader(part) if part is not None else None
            if reader is None:
                self.reason = PROGRAM
                return
            try:
                self.tensors.append(reader())
            except (Exception, SystemExit) as error:  # a damaged file, or a stranger's loader
                self.reason = one_line(error) if isinstance(error, WganalyzeError) else reason_of(error)
                return

    def distance(self, key: str) -> tuple[Distance | None, str]:
        """How far apart, or why that is not known."""
        if self.reason:
            return None, self.reason
        a, b = (tensors.get(key) for tensors in self.tensors)
        if a is None or b is None or a.shape != b.shape:
            return None, "its loader does not give it as the header says"
        try:
            return distance(a, b), ""
        except (ValueError, RuntimeError) as error:  # a type that torch stores and does not compute with
            return None, one_line(error)


def _reader(part: Part) -> Callable[[], Mapping[str, Tensor]] | None:
    """What reads the values without running anything of the file."""
    if part.read_tensors is not None:
        return part.read_tensors
    return None if part.read_samples is None else lambda: _samples(part)


def _samples(part: Part) -> Mapping[str, Tensor]:
    """Stored samples under their key, which is the first."""
    import torch

    assert part.read_samples is not None
    samples = part.read_samples()
    return {next(iter(part.keys)): torch.as_tensor(samples.points.reshape(len(samples), *samples.shape))}
