"""Averaged copies of a generator that keep no running statistics of their own: those of the raw copy are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from wganalyze.contracts.loader import TensorSpec
from wganalyze.contracts.measurement import Finding
from wganalyze.errors import WganalyzeError
from wganalyze.networks.piece import Piece, layouts
from wganalyze.settings.facts import Said
from wganalyze.snapshots.moment import Member

if TYPE_CHECKING:
    from torch import Tensor

_MEAN, _VARIANCE = "running_mean", "running_var"
_COUNTER = "num_batches_tracked"
_BUFFERS = (_MEAN, _VARIANCE, _COUNTER)
_OF_NORMS = ("_u", "_v")


@dataclass(frozen=True)
class Completed:
    """An averaged copy as it samples, what was assumed for it, and what is wrong with it."""

    member: Member
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def with_roles_of_copies(members: Sequence[Member]) -> list[Member]:
    """Averages that no name gives a role have that of the one network whose parameters they have."""
    return [_as_its_raw(m, members) if m.role is None and m.averaged else m for m in members]


def _as_its_raw(average: Member, members: Sequence[Member]) -> Member:
    raws = [m for m in members if m.role is not None and not m.averaged and _places(average, m)]
    if len({raw.role for raw in raws}) != 1:
        return average
    return replace(average, role=raws[0].role, assumption=average.assumption or raws[0].assumption)


def completed(generator: Member, members: Sequence[Member], said: Said) -> Completed:
    """An averaged generator with what it lacks from the raw copy among the ``members``; others as they are.

    It lacks what an average of parameters alone has not, and BatchNorm's statistics where they are those of a fresh
    network, mean 0 and variance 1 throughout, and the raw copy's are not. Reads these statistics and nothing else.
    """
    if not generator.averaged or generator.piece.part.read_tensors is None:
        return Completed(generator)
    raws = [m for m in members if m.role == generator.role and not m.averaged and m.piece.part.read_tensors is not None]
    raws.sort(key=lambda raw: raw.words != generator.words)
    for raw in raws:
        places = _places(generator, raw)
        if places:
            return _from_raw(generator, raw, places)
    if said.get("generator_mode") == "train" or not _is_fresh(generator.piece):
        return Completed(generator)
    other = "--weights raw takes the raw copy; " if raws else ""
    text = (
        f"{generator.called}: its BatchNorm statistics were never averaged (mean 0, variance 1): in eval mode it is "
        f"not the network that was trained; {other}--generator-mode train takes the statistics of each batch"
    )
    return Completed(generator, (), (Finding("warning", "stale-statistics", text),))


def _from_raw(average: Member, raw: Member, places: Mapping[str, str]) -> Completed:
    lacking = [k for k in raw.piece.keys if k not in places.values() and not k.endswith(_COUNTER)]
    if lacking:
        note = f"{average.called} is an average of parameters alone: {_listed(lacking)} taken from {raw.called}"
        return Completed(_merged(average, raw, places), (note,))
    if not _is_fresh(average.piece) or _is_fresh(raw.piece):
        return Completed(average)
    own = {key: place for key, place in places.items() if not key.endswith(_BUFFERS)}
    taken = [key for key in raw.piece.keys if key not in own.values()]
    text = (
        f"{average.called}: its BatchNorm statistics were never averaged (mean 0, variance 1, as of a fresh network), "
        f"so that in eval mode it is not the network that was trained; those of {raw.called} are taken (--weights raw "
        "or --generator-mode train go without them)"
    )
    note = f"{_listed(taken)} of {average.called} taken from {raw.called}: its own were never averaged"
    return Completed(_merged(average, raw, own), (note,), (Finding("warning", "stale-statistics", text),))


def _listed(keys: Sequence[str]) -> str:
    """ "1.running_mean, 1.running_var and 4 more"."""
    more = f" and {len(keys) - 2} more" if len(keys) > 3 else ""
    return ", ".join(keys[: 2 if more else 3]) + more


def _places(average: Member, raw: Member) -> dict[str, str]:
    """Which key of the raw copy each key of an average stands for; {} where it is no copy of it."""
    named = _by_name(average.piece.keys, raw.piece.keys)
    return named or _by_order(average.piece.keys, raw.piece.keys)


def _by_name(average: Mapping[str, TensorSpec], raw: Mapping[str, TensorSpec]) -> dict[str, str]:
    counted = {key: spec for key, spec in average.items() if spec.shape or key.endswith(_BUFFERS)}
    for own in layouts(counted):
        for other in layouts(raw):
            if all(key in other and other[key].shape == spec.shape for key, spec in own.items()):
                stored = dict(zip(other, raw, strict=True))
                return {key: stored[name] for key, name in zip(counted, own, strict=True)}
    return {}


def _by_order(average: Mapping[str, TensorSpec], raw: Mapping[str, TensorSpec]) -> dict[str, str]:
    """A list of parameters, whose keys are their numbers, in the order of the network's."""
    if not all(key.isdigit() for key in average):
        return {}
    parameters = [key for key in raw if not key.endswith((*_BUFFERS, *_OF_NORMS))]
    if [raw[key].shape for key in parameters] != [spec.shape for spec in average.values()]:
        return {}
    return dict(zip(average, parameters, strict=True))


def _merged(average: Member, raw: Member, places: Mapping[str, str]) -> Member:
    """The raw copy's network, with the average's tensors at ``places``; it lies where the average lies."""
    back = {place: key for key, place in places.items()}
    keys = {key: average.piece.keys[back[key]] if key in back else spec for key, spec in raw.piece.keys.items()}
    part = replace(
        average.piece.part,
        name=average.piece.inside,
        keys=keys,
        read_tensors=partial(_read, average.piece, raw.piece, back),
        read_some=None,
    )
    return replace(average, piece=Piece(part))


def _read(average: Piece, raw: Piece, back: Mapping[str, str]) -> Mapping[str, Tensor]:
    own, others = average.tensors(), raw.tensors()
    return {key: own[back[key]] if key in back else tensor for key, tensor in others.items()}


def _is_fresh(piece: Piece) -> bool:
    """Are all running statistics those of a network that has seen no batch? False where it has none."""
    keys = [key for key in piece.keys if key.endswith((_MEAN, _VARIANCE))]
    if not keys or (piece.part.read_some is None and piece.part.read_tensors is None):
        return False
    try:
        read = piece.some_tensors(keys)
    except WganalyzeError:  # of a damaged file, which says so when it is asked for its network
        return False
    return all(bool((tensor == (1 if key.endswith(_VARIANCE) else 0)).all()) for key, tensor in read.items())
