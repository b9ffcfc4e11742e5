"""wganalyze: analysis of trained GAN checkpoints, with numbers that carry their own proof.

The names below are the public face, for notebooks and for plugins; each is imported when it is first used. Beside it
stand ``wganalyze.transport`` (exact distances), ``wganalyze.statistics`` (intervals) and ``wganalyze.testing`` (for
plugin authors).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wganalyze.api import analyze as analyze
    from wganalyze.api import check as check
    from wganalyze.api import compare as compare
    from wganalyze.api import data_source as data_source
    from wganalyze.api import judge as judge
    from wganalyze.api import run as run
    from wganalyze.contracts.analyzer import Analyzer as Analyzer
    from wganalyze.contracts.analyzer import NoOptions as NoOptions
    from wganalyze.contracts.analyzer import Yielded as Yielded
    from wganalyze.contracts.architecture import Architecture as Architecture
    from wganalyze.contracts.architecture import Proposer as Proposer
    from wganalyze.contracts.architecture import Shapes as Shapes
    from wganalyze.contracts.claim import Claim as Claim
    from wganalyze.contracts.claim import Evident as Evident
    from wganalyze.contracts.claim import Verdict as Verdict
    from wganalyze.contracts.data import DataSource as DataSource
    from wganalyze.contracts.data import FiniteSource as FiniteSource
    from wganalyze.contracts.data import Modes as Modes
    from wganalyze.contracts.embedding import Embedding as Embedding
    from wganalyze.contracts.evidence import Evidence as Evidence
    from wganalyze.contracts.evidence import Sentence as Sentence
    from wganalyze.contracts.evidence import TrainingRun as TrainingRun
    from wganalyze.contracts.figure import Series as Series
    from wganalyze.contracts.foreign import Foreign as Foreign
    from wganalyze.contracts.foreign import Naming as Naming
    from wganalyze.contracts.hooks import hookimpl as hookimpl
    from wganalyze.contracts.loader import Input as Input
    from wganalyze.contracts.loader import Loader as Loader
    from wganalyze.contracts.loader import Part as Part
    from wganalyze.contracts.loader import TensorSpec as TensorSpec
    from wganalyze.contracts.measurement import Finding as Finding
    from wganalyze.contracts.measurement import Headline as Headline
    from wganalyze.contracts.measurement import Measurement as Measurement
    from wganalyze.contracts.measurement import Metric as Metric
    from wganalyze.contracts.measurement import Rows as Rows
    from wganalyze.contracts.measurement import Scalar as Scalar
    from wganalyze.contracts.measurement import Scope as Scope
    from wganalyze.contracts.measurement import Table as Table
    from wganalyze.contracts.network import NetworkNotes as NetworkNotes
    from wganalyze.contracts.network import notes_of as notes_of
    from wganalyze.contracts.picture import Picture as Picture
    from wganalyze.contracts.samples import Labels as Labels
    from wganalyze.contracts.samples import Points as Points
    from wganalyze.contracts.samples import Preprocessing as Preprocessing
    from wganalyze.contracts.samples import Samples as Samples
    from wganalyze.contracts.samples import Scores as Scores
    from wganalyze.contracts.samples import Split as Split
    from wganalyze.contracts.samples import Values as Values
    from wganalyze.contracts.snapshot import Latent as Latent
    from wganalyze.contracts.snapshot import Snapshot as Snapshot
    from wganalyze.contracts.study import CriticHead as CriticHead
    from wganalyze.contracts.study import Need as Need
    from wganalyze.contracts.study import Sampler as Sampler
    from wganalyze.contracts.study import Study as Study
    from wganalyze.contracts.terms import Role as Role
    from wganalyze.errors import CheckpointError as CheckpointError
    from wganalyze.errors import DataError as DataError
    from wganalyze.errors import NotMeasurable as NotMeasurable
    from wganalyze.errors import TrustError as TrustError
    from wganalyze.errors import UsageError as UsageError
    from wganalyze.errors import WganalyzeError as WganalyzeError
    from wganalyze.files.bounded import BoundedFile as BoundedFile
    from wganalyze.monitoring.monitor import Monitor as Monitor
    from wganalyze.networks.norms import encodings as encodings
    from wganalyze.networks.norms import folded_keys as folded_keys
    from wganalyze.remote.path import scan as scan
    from wganalyze.report.questions.best import Best as Best
    from wganalyze.report.questions.checking import Check as Check
    from wganalyze.report.questions.comparison import Comparison as Comparison
    from wganalyze.report.reading import Report as Report
    from wganalyze.report.reading import open_report as open_report
    from wganalyze.statistics import Estimate as Estimate
    from wganalyze.statistics import Interval as Interval
    from wganalyze.text import one_line as one_line

_HOME = {
    "api": ("analyze", "check", "compare", "data_source", "judge", "run"),
    "contracts.analyzer": ("Analyzer", "NoOptions", "Yielded"),
    "contracts.architecture": ("Architecture", "Proposer", "Shapes"),
    "contracts.claim": ("Claim", "Evident", "Verdict"),
    "contracts.data": ("DataSource", "FiniteSource", "Modes"),
    "contracts.embedding": ("Embedding",),
    "contracts.evidence": ("Evidence", "Sentence", "TrainingRun"),
    "contracts.figure": ("Series",),
    "contracts.foreign": ("Foreign", "Naming"),
    "contracts.hooks": ("hookimpl",),
    "contracts.loader": ("Input", "Loader", "Part", "TensorSpec"),
    "contracts.measurement": (
        "Finding",
        "Headline",
        "Measurement",
        "Metric",
        "Rows",
        "Scalar",
        "Scope",
        "Table",
    ),
    "contracts.network": ("NetworkNotes", "notes_of"),
    "contracts.picture": ("Picture",),
    "contracts.samples": ("Labels", "Points", "Preprocessing", "Samples", "Scores", "Split", "Values"),
    "contracts.snapshot": ("Latent", "Snapshot"),
    "contracts.study": ("CriticHead", "Need", "Sampler", "Study"),
    "contracts.terms": ("Role",),
    "errors": ("CheckpointError", "DataError", "NotMeasurable", "TrustError", "UsageError", "WganalyzeError"),
    "files.bounded": ("BoundedFile",),
    "monitoring.monitor": ("Monitor",),
    "networks.norms": ("encodings", "folded_keys"),
    "remote.path": ("scan",),
    "report.questions.best": ("Best",),
    "report.questions.checking": ("Check",),
    "report.questions.comparison": ("Comparison",),
    "report.reading": ("Report", "open_report"),
    "statistics": ("Estimate", "Interval"),
    "text": ("one_line",),
}
_MODULE_OF = {name: f"wganalyze.{module}" for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE_OF)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'wganalyze' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
