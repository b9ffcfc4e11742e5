"""The zoo's networks as architectures: recognised by their keys and shapes, so that they need no factory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wganalyze import Architecture, Shapes, hookimpl

if TYPE_CHECKING:
    from torch.nn import Module


def _mlp_widths(keys: Shapes, name: str) -> tuple[int, int, int] | None:
    """(in, hidden, out) where the keys are those of an MLP of two equal hidden layers called ``name``."""
    weights = [keys.get(f"{name}.{layer}.weight", ()) for layer in (0, 2, 4)]
    if len(keys) != 6 or any(len(shape) != 2 for shape in weights):
        return None
    (hidden, wide), _, (narrow, _) = weights
    expected: dict[str, tuple[int, ...]] = {}
    for layer, rows, columns in ((0, hidden, wide), (2, hidden, hidden), (4, narrow, hidden)):
        expected |= {f"{name}.{layer}.weight": (rows, columns), f"{name}.{layer}.bias": (rows,)}
    return (wide, hidden, narrow) if expected == {key: tuple(shape) for key, shape in keys.items()} else None


class ZooMlpGenerator(Architecture):
    """The MLP generator of the zoo."""

    name = "zoo-mlp-generator"

    def build(self, **arguments: Any) -> Module:
        """``latent``, ``dim``, ``width``."""
        from wganalyze_zoo.networks import MlpGenerator

        return MlpGenerator(**arguments)

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """The widths, where the keys are the zoo's."""
        widths = _mlp_widths(keys, "zoo_generator")
        return None if widths is None else {"latent": widths[0], "width": widths[1], "dim": widths[2]}


class ZooMlpCritic(Architecture):
    """The MLP critic of the zoo."""

    name = "zoo-mlp-critic"

    def build(self, **arguments: Any) -> Module:
        """``dim``, ``width``."""
        from wganalyze_zoo.networks import MlpCritic

        return MlpCritic(**arguments)

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """The widths, where the keys are the zoo's and there is one score."""
        widths = _mlp_widths(keys, "zoo_critic")
        return {"dim": widths[0], "width": widths[1]} if widths is not None and widths[2] == 1 else None


@hookimpl
def wganalyze_architectures() -> Iterable[type[Architecture]]:
    return [ZooMlpGenerator, ZooMlpCritic]
