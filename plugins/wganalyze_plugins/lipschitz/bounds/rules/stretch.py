"""How much a layer that is not affine can stretch."""

from __future__ import annotations

from dataclasses import dataclass

OUTWARD = 1 + 1e-15


@dataclass(frozen=True)
class Stretch:
    """A layer's Lipschitz constant, and the rule it comes from."""

    factor: float
    rule: str
    vacuous: bool = False
