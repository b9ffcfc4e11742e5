"""Chains: networks rebuilt from keys and shapes, as far as those and the data decide; with --infer, or by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wganalyze import Architecture, Proposer, Role, Shapes, hookimpl

if TYPE_CHECKING:
    from torch.nn import Module


def rebuild(shapes: Shapes, **assumptions: Any) -> Module:
    """The network that stored keys and shapes describe, under assumptions about what they do not show.

    ``activation``, ``output``: "relu", "leaky_relu(0.2)", "tanh" ... or "none". ``active``: the layers with weights, by
    number from 0, norms included, that the activation follows; the usual ones if unsaid. ``strides``, ``paddings``,
    ``output_paddings``, ``scales`` (of an upsampling before it, ``resize``: "nearest" or "bilinear"), ``transposed``:
    one for each convolution, in order. ``dropout``: where the numbering leaves room. ``eps``: of BatchNorm.
    """
    from wganalyze_zoo.chain.building import build

    return build(shapes, **assumptions)


class Chain(Proposer):
    """Plain chains of Linear, convolutions (of series, of square kernels) and BatchNorm; proposes, recognises none."""

    name = "chain"
    factory = "wganalyze_zoo.chain:rebuild"

    def build(self, **arguments: Any) -> Module:
        """``shapes``, and the assumptions of ``rebuild``."""
        return rebuild(**arguments)

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """None: what a chain computes is not in its keys."""
        return None

    def propose(
        self, keys: Shapes, role: Role, sample_shape: tuple[int, ...], near: Mapping[str, Any] | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Readings, as arguments of ``build`` besides ``shapes``; ValueError says why there are none."""
        from wganalyze_zoo.chain.proposals import propose

        return propose(keys, role, sample_shape, near)

    def is_foil(self, arguments: Mapping[str, Any]) -> bool:
        """Is a reading proposed only to be beaten?"""
        from wganalyze_zoo.chain.proposals import FOILS

        return arguments.get("activation") in FOILS


@hookimpl
def wganalyze_architectures() -> Iterable[type[Architecture]]:
    return [Chain]
