"""Does primal training on mini-batches forget earlier batches?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wganalyze import (
    Analyzer,
    Estimate,
    Measurement,
    Metric,
    Need,
    Rows,
    Scalar,
    Study,
    Table,
    Yielded,
    hookimpl,
)

if TYPE_CHECKING:
    from wganalyze_plugins.dynamics.primal import Trial

SOURCE = "Primal WGAN: optimal assignment inside the batch, no critic; SCIENCE 5 and 7"


class Forgetting(Analyzer):
    """How much of what a generator gains on one batch, by primal training, is lost while it trains on others?"""

    name = "forgetting"
    needs = frozenset({Need.REAL, Need.GENERATOR})
    on_request = True
    metrics = (
        Metric(
            "gain_fresh",
            "Relative fall of the W1 of a batch just after training on it, beyond that of a batch never trained on.",
            source=SOURCE,
        ),
        Metric("gain_kept", "What of gain_fresh is left after training on all later batches.", source=SOURCE),
        Metric(
            "forgotten", "1 - gain_kept / gain_fresh, ratio of means: 0 nothing is forgotten, 1 all.", source=SOURCE
        ),
        Metric(
            "gain_unseen", "Relative fall of the W1 of a batch never trained on, over the whole time.", source=SOURCE
        ),
    )
    tables = (
        Table(
            "batches",
            "W1 between the generated and the real side of a batch that is trained on, and of one that is not, after "
            "so many later batches (-1: before training on it).",
            {"trial": "int64", "later": "int64", "cost": "float64", "cost_unseen": "float64"},
        ),
    )

    @dataclass(frozen=True)
    class Options:
        steps: int = field(default=20, metadata={"help": "Steps of Adam on the batch."})
        later_steps: int = field(default=1, metadata={"help": "Steps of Adam on each later batch."})
        later: int = field(default=100, metadata={"help": "Later batches."})
        batch: int = field(default=64, metadata={"help": "Samples of a batch."})
        trials: int = field(default=5, metadata={"help": "Batches, each from the snapshot anew."})
        rate: float = field(default=1e-3, metadata={"help": "Learning rate of Adam."})

        def __post_init__(self) -> None:
            if min(self.steps, self.later_steps, self.later, self.trials) < 1 or self.batch < 2 or self.rate <= 0:
                raise ValueError("steps, later_steps, later, trials and rate are positive, batch is at least 2")

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield the costs along every trial, and what is gained, kept and forgotten."""
        from wganalyze_plugins.batches import ratio_of_means
        from wganalyze_plugins.dynamics.primal import trials

        done = trials(study, self.options)
        yield Rows("batches", [row for k, trial in enumerate(done) for row in _rows(k, trial)])
        fresh, kept = [trial.excess(0) for trial in done], [trial.excess(self.options.later) for trial in done]
        unseen = [trial.fall_unseen(self.options.later) for trial in done]
        for metric, values in (("gain_fresh", fresh), ("gain_kept", kept), ("gain_unseen", unseen)):
            yield self._row(study, metric, _student(values))
        import numpy as np

        if not np.mean(fresh) > 0:
            yield Measurement.absent("forgotten", "training on a batch gained nothing on it: nothing can be forgotten")
            return
        ratio = ratio_of_means(np.array(kept), np.array(fresh))
        yield self._row(study, "forgotten", _one_minus(ratio))

    def _row(self, study: Study, metric: str, estimate: Estimate) -> Measurement:
        said = self.options
        method = (
            f"{said.steps} steps of Adam on a batch of {said.batch}, then {said.later_steps} on each of {said.later} "
            "others; exact W1 inside the batch"
        )
        return Measurement.of(metric, estimate, study, n=said.batch, space="euclidean", mode="eval", method=method)


def _rows(number: int, trial: Trial) -> Iterator[dict[str, Scalar]]:
    for later, (cost, unseen) in trial.costs.items():
        yield {"trial": number, "later": later, "cost": cost, "cost_unseen": unseen}


def _student(values: list[float]) -> Estimate:
    import numpy as np

    from wganalyze_plugins.batches import student

    return student(np.array(values))


def _one_minus(estimate: Estimate) -> Estimate:
    from dataclasses import replace

    interval = estimate.interval
    turned = None if interval is None else replace(interval, low=1 - interval.high, high=1 - interval.low)
    return Estimate(1 - estimate.value, turned, estimate.replicates, tuple(1 - value for value in estimate.values))


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [Forgetting]
