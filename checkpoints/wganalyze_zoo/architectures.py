"""The zoo's networks as architectures: recognised by their keys and shapes, so that they need no factory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wganalyze.contracts.architecture import Architecture
from wganalyze.contracts.hooks import hookimpl

if TYPE_CHECKING:
    from torch.nn import Module

Shapes = Mapping[str, tuple[int, ...]]


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


class ZooMlpGenerator:
    """The MLP generator of the zoo."""

    name = "zoo-mlp-generator"

    def build(self, **arguments: Any) -> Module:
        """``latent``, ``dim``, ``width``."""
        from wganalyze_zoo.networks import MlpGenerator

        return MlpGenerator(**arguments)

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """The widths, where the keys are the zoo's."""
        found = _mlp_widths(keys, "zoo_generator")
        return None if found is None else {"latent": found[0], "width": found[1], "dim": found[2]}


class ZooMlpCritic:
    """The MLP critic of the zoo."""

    name = "zoo-mlp-critic"

    def build(self, **arguments: Any) -> Module:
        """``dim``, ``width``."""
        from wganalyze_zoo.networks import MlpCritic

        return MlpCritic(**arguments)

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """The widths, where the keys are the zoo's and there is one score."""
        found = _mlp_widths(keys, "zoo_critic")
        return {"dim": found[0], "width": found[1]} if found is not None and found[2] == 1 else None


@hookimpl
def wganalyze_architectures() -> Iterable[Architecture]:
    return [ZooMlpGenerator(), ZooMlpCritic()]
