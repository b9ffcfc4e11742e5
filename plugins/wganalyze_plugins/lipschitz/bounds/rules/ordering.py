"""Order statistics: sorting brings no two points further apart (rearrangement inequality), nor does a part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wganalyze_plugins.lipschitz.bounds.rules.names import targets
from wganalyze_plugins.lipschitz.bounds.rules.normalising import MIXES
from wganalyze_plugins.lipschitz.bounds.rules.stretch import Stretch

_DEFAULT: Mapping[str, Any] = {"sort": -1, "topk": -1, "kthvalue": -1, "msort": 0, "median": None}
_PLACE: Mapping[str, int] = {"topk": 2, "kthvalue": 2}
_SORTING = targets("sort", "msort", "topk", "kthvalue", "median", "max", "min", "amax", "amin")
_EXTREMES = {"max": "largest", "amax": "largest", "min": "least", "amin": "least"}


def of_call(
    target: Any, arguments: Sequence[Any], keywords: Mapping[str, Any], shape: Sequence[int]
) -> Stretch | str | None:
    """1 for a function or method that gives order statistics of each sample; None where it gives none."""
    axes = _axes(target, arguments, keywords, shape)
    if axes is None:
        return None
    name = _SORTING[target]
    if name == "topk":
        in_order = keywords.get("sorted", arguments[4] if len(arguments) > 4 else True)
        if in_order is not True and keywords.get("k", arguments[1] if len(arguments) > 1 else None) != 1:
            return "gives its numbers in no order: no slope bounds it"
    return MIXES if 0 in axes else Stretch(1.0, f"{name}: order statistics bring no points further apart")


def extreme(
    target: Any, arguments: Sequence[Any], keywords: Mapping[str, Any], shape: Sequence[int]
) -> tuple[str, frozenset[int]] | None:
    """("largest" or "least", the axes) of a maximum or minimum over axes; None of anything else."""
    axes = _axes(target, arguments, keywords, shape)
    which = _EXTREMES.get(_SORTING.get(target, ""))
    return None if axes is None or which is None or 0 in axes else (which, frozenset(axes))


def sorted_axis(
    target: Any, arguments: Sequence[Any], keywords: Mapping[str, Any], shape: Sequence[int]
) -> tuple[int, bool] | None:
    """(the axis of a sample along which it is sorted, is the largest first); None of all else."""
    axes = _axes(target, arguments, keywords, shape)
    if axes is None or len(axes) != 1 or axes == {0} or _SORTING[target] != "sort":
        return None
    words = [word for word in arguments[1:] if isinstance(word, bool)]
    return axes.pop() - 1, bool(keywords.get("descending", words[0] if words else False))


def _axes(target: Any, arguments: Sequence[Any], keywords: Mapping[str, Any], shape: Sequence[int]) -> set[int] | None:
    """The axes that are ordered, all of them for a function of the whole; None where the rule does not fit."""
    name = _SORTING.get(target)
    if name is None or "out" in keywords or "other" in keywords:
        return None
    count = len(shape) + 1
    place = _PLACE.get(name, 1)
    dim = keywords.get("dim", arguments[place] if len(arguments) > place else _DEFAULT.get(name))
    if isinstance(dim, bool):  # sort(descending)
        dim = _DEFAULT.get(name)
    dims = dim if isinstance(dim, tuple | list) else range(count) if dim is None else (dim,)
    return {each % count for each in dims or range(count)} if all(isinstance(each, int) for each in dims) else None
