"""wganalyze: analysis of trained GAN checkpoints, with numbers that carry their own proof.

The names below are the public face, for notebooks and for plugins; each is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wganalyze.analyzer import Analyzer, Need, NoOptions
    from wganalyze.api import run
    from wganalyze.data import DataSource, FiniteSource, Preprocessing, Samples, Split, Values
    from wganalyze.errors import CheckpointError, DataError, NotMeasurable, UsageError, WganalyzeError
    from wganalyze.hooks import hookimpl
    from wganalyze.measurement import Finding, Interval, Measurement, Metric, Rows, Table
    from wganalyze.report.reading import Report, open_report
    from wganalyze.snapshot import Architecture, Latent, Loader, Part, Snapshot, TensorSpec
    from wganalyze.study import Estimate, Study

_HOME = {
    "wganalyze.analyzer": ("Analyzer", "Need", "NoOptions"),
    "wganalyze.api": ("run",),
    "wganalyze.data": ("DataSource", "FiniteSource", "Preprocessing", "Samples", "Split", "Values"),
    "wganalyze.errors": ("CheckpointError", "DataError", "NotMeasurable", "UsageError", "WganalyzeError"),
    "wganalyze.hooks": ("hookimpl",),
    "wganalyze.measurement": ("Finding", "Interval", "Measurement", "Metric", "Rows", "Table"),
    "wganalyze.report.reading": ("Report", "open_report"),
    "wganalyze.snapshot": ("Architecture", "Latent", "Loader", "Part", "Snapshot", "TensorSpec"),
    "wganalyze.study": ("Estimate", "Study"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Analyzer",
    "Architecture",
    "CheckpointError",
    "DataError",
    "DataSource",
    "Estimate",
    "Finding",
    "FiniteSource",
    "Interval",
    "Latent",
    "Loader",
    "Measurement",
    "Metric",
    "Need",
    "NoOptions",
    "NotMeasurable",
    "Part",
    "Preprocessing",
    "Report",
    "Rows",
    "Samples",
    "Snapshot",
    "Split",
    "Study",
    "Table",
    "TensorSpec",
    "UsageError",
    "Values",
    "WganalyzeError",
    "hookimpl",
    "open_report",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'wganalyze' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
