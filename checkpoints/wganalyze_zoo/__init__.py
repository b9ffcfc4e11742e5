"""Reference trainers: the GANs of the literature, small, on data that need no download; they write checkpoints.

The names below are for Python; each is imported when it is first used, so that the command line starts without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wganalyze_zoo.losses.terms import Loss as Loss
    from wganalyze_zoo.methods.constraints import CONSTRAINTS as CONSTRAINTS
    from wganalyze_zoo.methods.constraints import Constraint as Constraint
    from wganalyze_zoo.methods.method import Method as Method
    from wganalyze_zoo.methods.presets import Optimiser as Optimiser
    from wganalyze_zoo.methods.presets import Preset as Preset
    from wganalyze_zoo.methods.table import METHODS as METHODS
    from wganalyze_zoo.methods.table import find_method as find_method
    from wganalyze_zoo.training.outcome import Run as Run
    from wganalyze_zoo.training.progress import Progress as Progress
    from wganalyze_zoo.training.train import train as train

_HOME = {
    "methods.constraints": ("CONSTRAINTS", "Constraint"),
    "losses.terms": ("Loss",),
    "methods.method": ("Method",),
    "methods.table": ("METHODS", "find_method"),
    "methods.presets": ("Optimiser", "Preset"),
    "training.outcome": ("Run",),
    "training.progress": ("Progress",),
    "training.train": ("train",),
}
_MODULE_OF = {name: f"wganalyze_zoo.{module}" for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE_OF)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'wganalyze_zoo' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
