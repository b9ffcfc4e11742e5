"""Weights of the old HDF5 layout put into a model, layer by layer, by name or by order, each shape checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from wganalyze_checkpoints.keras.weights import Layers

Shapes = Mapping[str, tuple[int, ...]]

_SHOWN = 6


def pairs(stored_layers: Layers, shapes: Shapes, model: Any, whole: bool = False) -> tuple[dict[str, Any], list[str]]:
    """The variable of ``model`` that each key of a file belongs to, and how the two differ.

    ``whole``: the file's one layer is the model as a whole.

    Layers belong together by their names where all have the same, else by order. Inside a layer the order depends on
    what was frozen when the file was written, so there names go first, too.
    """
    stored = {name: keys for name, keys in stored_layers if keys}
    layers = [model] if whole else [layer for layer in model.layers if layer.weights]
    by_name = {layer.name: layer for layer in layers}
    if len(stored) != len(layers):
        return {}, [
            f"it has {len(stored)} layers with weights ({few([*stored])}), "
            f"the model {len(layers)} ({few([layer.name for layer in layers])})"
        ]
    ordered = [by_name[name] for name in stored] if stored.keys() == by_name.keys() else layers
    found: dict[str, Any] = {}
    wrong = []
    for (name, keys), layer in zip(stored.items(), ordered, strict=True):
        variables = _paired(shapes, keys, layer)
        if variables is None:
            there = [shapes[key] for key in keys]
            here = [tuple(variable.shape) for variable in next(_orders(layer))]
            wrong.append(f"{name} is {few(there)}, the model's {layer.name} is {few(here)}")
        else:
            found |= dict(zip(keys, variables, strict=True))
    return found, lists(wrong_shape=wrong)


def _paired(shapes: Shapes, keys: Sequence[str], layer: Any) -> Sequence[Any] | None:
    """The variables of a layer in the order of the keys; None where the shapes do not allow it."""
    theirs = [_named(key) for key in keys]
    orders = [*_orders(layer)]
    own = {_named(variable.path): variable for variable in orders[0]}
    if len(own) == len(orders[0]) == len(theirs) and own.keys() == {*theirs}:
        orders = [[own[name] for name in theirs]]
    fitting = [order for order in orders if _fits(shapes, keys, order)]
    same = [order for order in fitting if [name[-1] for name in theirs] == [_named(v.path)[-1] for v in order]]
    return next(iter([*same, *fitting]), None)


def _orders(layer: Any) -> Iterator[list[Any]]:
    """How a file may list a layer's weights: those that are trained first; or, of a frozen one, as they were made."""
    yield [*layer.trainable_weights, *layer.non_trainable_weights]
    yield [variable for inner in _innermost(layer) for variable in inner.weights]


def _innermost(layer: Any) -> Iterator[Any]:
    """The layer, or, of a model, the layers in it."""
    inside = getattr(layer, "layers", None)
    if not inside:
        yield layer
    for inner in inside or ():
        yield from _innermost(inner)


def _fits(shapes: Shapes, keys: Sequence[str], variables: Sequence[Any]) -> bool:
    return [shapes[key] for key in keys] == [tuple(variable.shape) for variable in variables]


def _named(path: str) -> tuple[str, ...]:
    """Layer and weight: ("dense_1", "kernel") of "generator/dense_1/kernel:0"."""
    return tuple(path.rpartition(":")[0].split("/")[-2:]) if ":" in path else tuple(path.split("/")[-2:])


def lists(**differences: Iterable[str]) -> list[str]:
    """ "2 missing: a, b" of each kind of difference that there is."""
    listed = [(name.replace("_", " "), sorted(keys)) for name, keys in differences.items()]
    return [f"{len(keys)} {name}: {few(keys)}" for name, keys in listed if keys]


def few(items: Sequence[object]) -> str:
    """The first, and how many more there are."""
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(map(str, items[:_SHOWN])) + more
