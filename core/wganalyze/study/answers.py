"""What a critic gives, read as one score a sample: maps of patches, lists of scales, heads beside features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from wganalyze.contracts.terms import Reduce
from wganalyze.study.forms import Place, at, tensors_of

NAMES = ("logit", "score", "valid", "adv", "critic", "real", "pred", "out")
"""In the names of a mapping's values: the score, the likeliest first."""
OPTION = "(set [critic] reduce or --reduce)"
_WORDS: Mapping[Reduce, str] = {"mean": "mean", "sum": "sum", "first": "first", "min": "least"}


@dataclass(frozen=True)
class Reading:
    """Where the scores of a sample are among what a critic gives, and how they become one.

    ``places``: of the tensors that hold them. ``shapes``: of each, for one sample. ``how``: None where there is one
    score a sample. ``assumption``: what was guessed; "" for nothing.
    """

    places: tuple[Place, ...]
    shapes: tuple[tuple[int, ...], ...]
    how: Reduce | None = None
    assumption: str = ""

    @property
    def note(self) -> str:
        """What is done to the scores, in words; "" for nothing."""
        if self.how is None:
            return ""
        if self.how == "difference":
            return "of two outputs a sample the second minus the first is analysed"
        return f"of {_in_words(self.shapes)} the {_WORDS[self.how]} is analysed"


class NoScore(Exception):
    """Why what a critic gave is no score a sample. ``advice``: what to do about it; "" where the shape is wrong."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.advice = advice


def read_answer(answer: Any, n: int, said: Reduce | None = None) -> Reading:
    """How the ``answer`` to a batch of ``n`` samples is read, ``said`` where it holds several scores a sample.

    One number a sample is the score, wherever it stands. Maps of scores, and lists of these over scales, are averaged,
    as trainers do in their losses. NoScore where neither is there.
    """
    outputs = {place: tensor for place, tensor in tensors_of(answer) if len(tensor.shape) and len(tensor) == n}
    singles = [place for place, tensor in tensors_of(answer) if tensor.numel() == n]
    if singles and not (isinstance(answer, list) and len(singles) == len(answer) > 1):
        chosen = (_named_first(singles),)
        shape: tuple[int, ...] = ()
        return Reading(chosen, (shape,), assumption=_set_aside(answer, chosen))
    places: tuple[Place, ...] = (*singles,) or (*_maps(answer, n),)
    if not places and said is not None:
        places = (_named_first([*outputs]),) if outputs else ()
    if not places:
        raise _no_score(answer, n)
    shapes = tuple(tuple(at(answer, place).shape[1:]) for place in places)
    first = at(answer, places[0])
    if said == "difference" and (len(places) > 1 or first.numel() != 2 * n):
        raise NoScore(f"{_in_words(shapes)} a sample", "--reduce difference is for two outputs a sample; say another")
    if said is not None:
        return Reading(places, shapes, said)
    several = "the mean of the means" if len(places) > 1 else "their mean"
    kind = "as of a critic at several scales" if len(places) > 1 else "as of a PatchGAN"
    found = f"critic output: {_in_words(shapes)} a sample, {kind}; {several} is taken {OPTION}"
    return Reading(places, shapes, "mean", "; ".join(filter(None, (found, _set_aside(answer, places)))))


def _maps(answer: Any, n: int) -> Iterator[Place]:
    """The places of maps of scores: one, or those of several scales; features beside them are left."""
    if isinstance(answer, Tensor):
        if _is_map(answer, n):
            yield ()
        return
    parts: dict[Any, Any] = dict(answer) if isinstance(answer, Mapping) else {}
    if isinstance(answer, list | tuple):
        parts = {index: part for index, part in enumerate(answer) if _depth(part) is not None}
    if not parts:
        return
    if isinstance(answer, Mapping):
        key = _named_first([(key,) for key in parts])[0]
        parts = {key: parts[key], **parts}
    alike = len({_depth(part) for part in parts.values()}) == 1
    if not alike and not isinstance(answer, Mapping):  # scores, and lists of features beside them
        least = min(_depth(part) or 0 for part in parts.values())
        key = next(key for key, part in parts.items() if (_depth(part) or 0) == least)
        first = parts[key]
        inside = [()] if _is_vector(first, n) else [*_maps(first, n)]
        if inside:
            yield from ((key, *place) for place in inside)
            return
    found = {key: [(key, *place) for place in _maps(part, n)] for key, part in parts.items()}
    there = [places for places in found.values() if places]
    if isinstance(answer, list) and not there and len(parts) > 1 and all(_is_vector(p, n) for p in parts.values()):
        there = [[(key,)] for key in parts]
    if alike and not isinstance(answer, Mapping) and len(there) == len(parts):
        yield from (place for places in there for place in places)
    elif there:  # a list ends in the scores, a tuple begins with them
        yield from there[-1] if isinstance(answer, list) else there[0]


def _is_map(output: Tensor, n: int) -> bool:
    """One channel over one axis or more: first, as torch has it, or last, as Keras and recurrent nets do."""
    return output.dim() > 2 and len(output) == n and 1 in (output.shape[1], output.shape[-1])


def _is_vector(output: Any, n: int) -> bool:
    return isinstance(output, Tensor) and output.dim() == 2 and len(output) == n


def _depth(answer: Any) -> int | None:
    """How deep lists are nested; 0 for a tensor, None where there is no tensor."""
    if isinstance(answer, Tensor):
        return 0
    if isinstance(answer, list | tuple | Mapping):
        values = answer.values() if isinstance(answer, Mapping) else answer
        depths = [depth for depth in map(_depth, values) if depth is not None]
        return 1 + max(depths) if depths else None
    return None


def _named_first(places: list[Place]) -> Place:
    """The place whose name is likeliest a score's; the first where none is named so."""
    for name in NAMES:
        for place in places:
            if any(isinstance(key, str) and name in key.lower() for key in place):
                return place
    return places[0]


def _no_score(answer: Any, n: int) -> NoScore:
    tensors = [tensor for _, tensor in tensors_of(answer)]
    if not tensors:
        return NoScore(f"a {type(answer).__name__} without a tensor", "let it return a score a sample")
    if all(tensor.numel() == 1 for tensor in tensors):
        return NoScore("one number for the whole batch")
    first = tensors[0]
    each = first.numel() // n
    if first.dim() == 2 and first.shape == (n, 2):
        return NoScore(
            "2 scores a sample", "if these are two logits, say --reduce difference, the second minus the first"
        )
    if len(tensors) == 1 and first.dim() and len(first) == n:
        shown = "x".join(map(str, first.shape[1:]))
        return NoScore(
            f"{each} scores a sample",
            f"its output is {shown}, neither one score nor a map of scores (1x8x8); if these are scores, say --reduce "
            "mean, sum, min or first; else let it return a score a sample",
        )
    if len(tensors) == 1 and first.dim() == 1 and each > 1 and first.numel() == n * each:
        advice = (
            f"it joins the {each} scores of a sample with those of others (view(-1)): use data of the size that it "
        )
        return NoScore(f"{each} scores a sample", f"{advice}was trained on, or let it return a map")
    shapes = ", ".join(f"{_name(place)} {tuple(tensor.shape)}".strip() for place, tensor in [*tensors_of(answer)][:6])
    advice = f"of a batch of {n} it gives {shapes}, none of them a score a sample; let it return one"
    return NoScore(f"{each} scores a sample", advice)


def _set_aside(answer: Any, chosen: tuple[Place, ...]) -> str:
    """Which outputs beside the score were left: the head of an auxiliary classifier, features."""
    others = [f"{_name(p)} {tuple(out.shape[1:])}" for p, out in tensors_of(answer) if p not in chosen]
    if not others:
        return ""
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    taken = ", ".join(map(_name, chosen[:3])) + (f" and {len(chosen) - 3} more" if len(chosen) > 3 else "")
    return f"critic output {taken} taken as the score, set aside: {', '.join(others[:3])}{more}"


def _name(place: Place) -> str:
    return ".".join(map(str, place))


def _in_words(shapes: tuple[tuple[int, ...], ...]) -> str:
    """ "a map of 4x4 scores", "3 maps of scores (8x8, 4x4, 2x2)"."""
    sizes = ["x".join(str(k) for k in shape if k != 1) or "1" for shape in shapes]
    if len(sizes) == 1:
        return f"a map of {sizes[0]} scores" if "x" in sizes[0] else f"{sizes[0]} scores"
    more = f" and {len(sizes) - 4} more" if len(sizes) > 4 else ""
    return f"{len(sizes)} maps of scores ({', '.join(sizes[:4])}{more})"


class Scores(nn.Module):
    """All scores that a network gives of a sample, (n, k): those at ``places``, one after the other."""

    def __init__(self, net: nn.Module, places: tuple[Place, ...]):
        super().__init__()
        self.net = net
        self.places = places

    def forward(self, *inputs: Tensor) -> Tensor:
        """(n, k)."""
        output = self.net(*inputs)
        parts = [at(output, place).flatten(1) for place in self.places]
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


class Reduced(nn.Module):
    """One score, (n,), of the (n, k) that ``net`` gives: of each of ``sizes`` columns one, and of these one.

    ``inverts``: does ``net`` give probabilities? Then it is their logits that are reduced.
    """

    def __init__(self, net: nn.Module, sizes: tuple[int, ...], how: Reduce, *, inverts: bool = False):
        super().__init__()
        self.net, self.sizes, self.inverts = net, sizes, inverts
        self.how: Reduce = how

    def forward(self, *inputs: Tensor) -> Tensor:
        """(n,)."""
        scores = self.net(*inputs)
        if self.how == "difference":
            scores = torch.log(scores) if self.inverts else scores
            return scores[:, 1] - scores[:, 0]
        scores = torch.logit(scores) if self.inverts else scores
        if len(self.sizes) == 1:
            return _REDUCE[self.how](scores)
        each = [_REDUCE[self.how](part) for part in torch.split(scores, [*self.sizes], 1)]
        return _REDUCE[self.how](torch.stack(each, 1))


_REDUCE: Mapping[Reduce, Callable[[Tensor], Tensor]] = {
    "mean": lambda scores: scores.mean(1),
    "sum": lambda scores: scores.sum(1),
    "min": lambda scores: scores.amin(1),
    "first": lambda scores: scores[:, 0],
}
