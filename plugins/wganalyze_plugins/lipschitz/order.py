"""The lower end of a bracket is not above the upper one: else nothing of it may be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wganalyze import WganalyzeError

if TYPE_CHECKING:
    from wganalyze_plugins.lipschitz.bounds.ladder import Rung
    from wganalyze_plugins.lipschitz.lower import Slope

ROUNDING = 1 + 1e-9


class BracketError(WganalyzeError):
    """A slope that exists is steeper than the upper bound allows: one of the two is computed wrongly."""


def check(slope: Slope, rung: Rung) -> None:
    """BracketError where a slope that exists is above an upper bound."""
    if slope.value > rung.value * ROUNDING:
        raise BracketError(
            f"a slope of {slope.value:.9g} ({slope.method}) is steeper than the upper bound {rung.value:.9g} "
            f"({rung.method}): a fault of wganalyze, or a critic that is random in eval mode; please report it"
        )
