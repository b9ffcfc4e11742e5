"""For plugin authors: small studies with known answers, and a check that an analyzer keeps its contract."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wganalyze.cells.measuring import Outcome, Question, measure
from wganalyze.contracts.analyzer import Analyzer
from wganalyze.contracts.data import DataSource
from wganalyze.contracts.measurement import Measurement, Status
from wganalyze.contracts.samples import Preprocessing, Split, Values
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.study.dealing import Deal
from wganalyze.study.study import SnapshotStudy

if TYPE_CHECKING:
    from torch.nn import Module


class Gaussian(DataSource):
    """Standard normal samples in ``dim`` dimensions."""

    name: ClassVar[str] = "testing-gaussian"
    help: ClassVar[str] = "standard normal samples, for tests"

    def __init__(self, dim: int):
        self.shape = (dim,)
        self.size = None
        self.value_range = None

    @property
    def digest(self) -> str:
        return f"gaussian {self.shape}"

    def draw(self, n: int, split: Split, *, offset: int, seed: int) -> Values:
        return Values(split.rng(seed, "gaussian").standard_normal((n, *self.shape)))


def shifted_gaussians(
    shift: float = 1.0, dim: int = 2, n: int = 200, replicates: int = 3, seed: int = 0, slope: float = 1.0
) -> SnapshotStudy:
    """A study whose answers are known.

    Real: N(0, I). Fake: N(0, I) moved by ``shift`` along the diagonal, so that W1 = W2 = ``shift`` in population. The
    critic is linear, ``slope`` times the projection on that direction, real high: its Lipschitz constant is ``slope``,
    and E f(real) - E f(fake) = ``slope * shift``.
    """
    direction = -np.ones(dim) / math.sqrt(dim)
    snapshot = Snapshot(
        label="shifted-gaussians",
        step=0,
        step_unit="step",
        files=(),
        make_generator=lambda: _linear(np.eye(dim), -shift * direction),
        make_critic=lambda: _linear(slope * direction[None], np.zeros(1)),
        latent=Latent("normal", (dim,)),
        output="score",
        orientation=1,
    )
    deal = Deal(Gaussian(dim), Gaussian.name, Preprocessing(), n, replicates, seed)
    return SnapshotStudy(deal.marked(snapshot), deal)


def _linear(weight: np.ndarray, bias: np.ndarray) -> Module:
    import torch

    layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
    return layer.eval().requires_grad_(False)


def ask(study: SnapshotStudy, analyzer: type[Analyzer], status: Status = "ok", **options: Any) -> Outcome:
    """What an analyzer with these options answers, as the host would store it; AssertionError at another status."""
    outcome = measure(study, Question(analyzer, analyzer.Options(**options)))
    assert outcome.status == status, f"{analyzer.name} {outcome.status}: {outcome.message}\n{outcome.trace}"
    return outcome


def numbers(outcome: Outcome) -> dict[str, float]:
    """The numbers that an analyzer gave, by metric; AssertionError where one was given twice."""
    rows = by_metric(outcome)
    return {metric: row.value for metric, row in rows.items() if row.value is not None}


def by_metric(outcome: Outcome) -> dict[str, Measurement]:
    """The measurements of an outcome by metric; AssertionError where one was given twice."""
    rows = {row.metric: row for row in outcome.measurements}
    assert len(rows) == len(outcome.measurements), "a metric was yielded twice"
    return rows


def check_analyzer(analyzer: type[Analyzer], study: SnapshotStudy | None = None) -> Outcome:
    """Run an analyzer as the host would and fail, with a reason, where it breaks the contract; return what it gave."""
    assert dataclasses.is_dataclass(analyzer.Options), f"{analyzer.name}: Options is not a dataclass"
    assert vars(analyzer.Options)["__dataclass_params__"].frozen, f"{analyzer.name}: Options is not frozen"
    for field in dataclasses.fields(analyzer.Options):
        assert field.metadata.get("help"), f"{analyzer.name}: the option {field.name} has no help"
    for metric in analyzer.metrics:
        assert metric.help, f"{analyzer.name}: the metric {metric.name} has no help"
    outcome = measure(study or shifted_gaussians(), Question(analyzer, analyzer.Options()))
    assert outcome.status != "failed", f"{analyzer.name} failed: {outcome.message}\n{outcome.trace}"
    given = outcome.measurements or outcome.findings or outcome.pictures
    assert outcome.status == "skipped" or given, f"{analyzer.name} yielded nothing"
    named = {metric.name for metric in analyzer.metrics} | {table.name for table in analyzer.tables}
    for finding in outcome.findings:
        strange = [name for name in finding.evidence if name not in named]
        assert not strange, f"{analyzer.name}: the finding {finding.code} rests on {strange}, which it does not declare"
    return outcome
