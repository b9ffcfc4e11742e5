"""The Lipschitz constant of a critic as a bracket: slopes that exist below, the least of a ladder of bounds above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wganalyze_plugins.lipschitz.analyzer import Lipschitz, wganalyze_analyzers

if TYPE_CHECKING:
    from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box
    from wganalyze_plugins.lipschitz.bracketing import Bracket, bracket

__all__ = ["Box", "Bracket", "Lipschitz", "bracket", "wganalyze_analyzers"]


def __getattr__(name: str) -> Any:
    """torch comes with the first use of what needs it."""
    if name not in ("Box", "Bracket", "bracket"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from wganalyze_plugins.lipschitz import bracketing

    return getattr(bracketing, name)
