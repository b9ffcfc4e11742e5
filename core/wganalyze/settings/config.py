"""What the user says about a run, in one frozen record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from wganalyze.contracts.terms import Encoding, Output, Weights
from wganalyze.networks.factories import Net

ROLES = ("generator", "critic", "ignore")


@dataclass(frozen=True)
class Config:
    """Everything that may be said; None means unsaid."""

    generator: Net | None = None
    critic: Net | None = None
    weights: Weights | None = None
    generator_mode: Literal["eval", "train"] | None = None
    output: Output | None = None
    orientation: Literal[1, -1] | None = None
    law: Literal["normal", "uniform"] | None = None
    latent_shape: tuple[int, ...] | None = None
    classes: int | None = None
    encoding: Encoding | None = None
    data: str | None = None
    range: tuple[float, float] | None = None
    normalize: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    held_out: bool | None = None
    penalty: float | None = None
    n: int | Literal["max"] | None = None
    budget: float | None = None
    replicates: int | None = None
    seed: int | None = None
    roles: Mapping[str, str] = field(default_factory=dict)

    def over(self, other: Config) -> Config:
        """This configuration, with what it leaves unsaid taken from ``other``."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        # The first pattern that fits a file decides, so one's own come first.
        said["roles"] = {**self.roles, **{p: role for p, role in other.roles.items() if p not in self.roles}}
        if "range" in said or "normalize" in said:
            other = replace(other, range=None, normalize=None)
        return replace(other, **said)
