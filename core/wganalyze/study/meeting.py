"""Which layer of a network met what it does not take."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wganalyze.text import one_line

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

LONGEST = 100


def met_by(network: Module, arguments: Sequence[Tensor]) -> str:
    """ ", its layer main.0, Linear(in_features=100, out_features=16), met (2, 4)": of a call that failed.

    "" where no layer was at work, or the network is no module of layers. It is called once more.
    """
    import torch

    at_work: dict[str, str] = {}

    def watch(name: str, layer: Module) -> list[Any]:
        def enter(_: Module, inputs: tuple[Any, ...]) -> None:
            at_work[name] = f", its layer {name}, {one_line(layer, LONGEST)}, met {_shape(inputs)}"

        def leave(*_: Any) -> None:
            at_work.pop(name, None)

        return [layer.register_forward_pre_hook(enter), layer.register_forward_hook(leave)]

    hooks: list[Any] = []
    with suppress(Exception):  # it is anybody's code, which may know no hooks
        for name, layer in network.named_modules():
            if name and next(layer.children(), None) is None:
                hooks += watch(name, layer)
        with torch.no_grad():
            network(*arguments)
    for hook in hooks:
        hook.remove()
    return next(reversed(at_work.values()), "")


def _shape(inputs: Sequence[Any]) -> str:
    return str(tuple(getattr(next(iter(inputs), None), "shape", ())))
