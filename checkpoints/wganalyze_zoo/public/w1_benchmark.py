"""The 2-D critics of the Wasserstein-1 benchmark (Korotin, Kolesov and Burnaev 2022, arXiv 2206.07767)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from wganalyze import Architecture, Shapes
from wganalyze_zoo.public.signature import Shape, axis, fits, linear

if TYPE_CHECKING:
    from torch.nn import Module

DIM = 2
_ACTIVATIONS = "keys do not show its activations"


def _widths(keys: Shapes, layer: str, weight: str) -> list[int]:
    """Widths from input to output, where ``layer`` and ``weight`` say how the three layers call theirs."""
    names = [f"{layer.format(i)}.{weight}" for i in (0, 2, 4)]
    return [axis(keys, names[0], 1), *(axis(keys, name, 0) for name in names)]


def _is_critic(widths: list[int]) -> bool:
    return widths[0] == DIM and widths[-1] == 1 and min(widths) > 0


class Critic(Architecture):
    """Points (n, 2) to scores (n, 1), through two hidden layers with ReLU.

    Its WGAN stores each layer as ``module`` of the wrapper that clips its weights, which they are after training. Its
    SN-GAN has the same net under spectral norm, and is recognised by its folded keys.
    """

    name = "w1-benchmark-critic"
    role = "critic"

    def build(self, hidden: tuple[int, int], wrapped: bool = False) -> Module:
        """``hidden``: widths; ``wrapped``: each layer is called ``module`` inside of another."""
        from torch import nn

        layers: list[nn.Module] = []
        for wide, narrow in pairwise((DIM, *hidden, 1)):
            layer = nn.Linear(wide, narrow)
            layers += [nn.Sequential(OrderedDict(module=layer)) if wrapped else layer, nn.ReLU()]
        return nn.Sequential(OrderedDict(net=nn.Sequential(*layers[:-1])))

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """The widths, where input and output are a critic's in the plane."""
        for wrapped, layer in ((False, "net.{}"), (True, "net.{}.module")):
            widths = _widths(keys, layer, "weight")
            expected: dict[str, Shape] = {}
            for i, (wide, narrow) in zip((0, 2, 4), pairwise(widths), strict=True):
                expected |= linear(layer.format(i), wide, narrow)
            if _is_critic(widths) and fits(keys, expected):
                return {"hidden": tuple(widths[1:3]), "wrapped": wrapped}
        return None

    def assumed(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """What keys do not show."""
        return (f"ReLU between its layers, as in the W1 benchmark: {_ACTIVATIONS}",)


class SortingCritic(Architecture):
    """Points (n, 2) to scores (n, 1) through orthogonal layers, between which each sample's numbers are sorted.

    Of its sort-out: the weights are the first columns (rows) of base @ exp(A), A skew, as geotorch has them.
    """

    name = "w1-benchmark-sorting-critic"
    role = "critic"

    def build(self, hidden: tuple[int, int]) -> Module:
        """``hidden``: widths."""
        from torch import nn
        from torch.nn.utils.parametrizations import orthogonal

        from wganalyze_zoo.public.layers import Sort

        layers: list[nn.Module] = []
        for wide, narrow in pairwise((DIM, *hidden, 1)):
            layer = orthogonal(nn.Linear(wide, narrow), orthogonal_map="matrix_exp")
            layers += [nn.Sequential(OrderedDict(model=layer)), Sort()]
        return nn.Sequential(OrderedDict(net=nn.Sequential(*layers[:-1])))

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """The widths, where input and output are a critic's in the plane."""
        widths = _widths(keys, "net.{}.model", "parametrizations.weight.original")
        expected: dict[str, Shape] = {}
        for i, (wide, narrow) in zip((0, 2, 4), pairwise(widths), strict=True):
            stored = f"net.{i}.model.parametrizations.weight"
            side = max(wide, narrow)
            expected |= {f"net.{i}.model.bias": (narrow,), f"{stored}.original": (narrow, wide)}
            expected[f"{stored}.0.base"] = (side, side)
        return {"hidden": tuple(widths[1:3])} if _is_critic(widths) and fits(keys, expected) else None

    def assumed(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """What keys do not show."""
        return (
            f"a sort of all numbers of a sample between its layers, as in the W1 benchmark: {_ACTIVATIONS}",
            "its orthogonal weights are matrix exponentials, as in the W1 benchmark: keys do not show the map",
        )
