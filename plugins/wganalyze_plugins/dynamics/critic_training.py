"""How far did alternating training leave the critic from the maximum of what it maximises?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wganalyze import (
    Analyzer,
    Estimate,
    Finding,
    Headline,
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
from wganalyze_plugins.dynamics.moments import decades

if TYPE_CHECKING:
    from wganalyze.transport import Array
    from wganalyze_plugins.dynamics.constraints import Constraint
    from wganalyze_plugins.dynamics.continuation import Continuation, State

GP = "Gulrajani et al. 1704.00028, eq. 3"
C_TRANSFORM = "Mallasto et al. 1910.03875, eq. 6"
DUALITY = "Kantorovich-Rubinstein; Villani 2009, thm. 5.10"
PAIR = "SCIENCE: K_pair = max (f(x_i) - f(y_j))+ / c(x_i, y_j)"
FAR = 0.1
"""Of the largest dual that a critic's slope allows: what one that was at its maximum gains less than."""
LEVEL = 0.01
"""Of the finding: how often it may be wrong, at most."""
TRAININGS = {"penalised": "under its own constraint", "transform": "by the c-transform"}
MAXIMISED = {
    "penalised": ("rise", "raw dual less its penalty", GP),
    "transform": ("c-rise", "c-transform dual", C_TRANSFORM),
}
BOUNDS = {
    "dual_raw": ("raw", "E f(real) - E f(fake)", "no bound", DUALITY),
    "dual_pair": ("pair", "dual_raw / K_pair", "a certified lower bound of the sample W1", PAIR),
    "dual_c": ("c", "The better c-transform dual", "a certified lower bound of the sample W1", C_TRANSFORM),
    "dual_c_best_scale": (
        "best",
        "The largest c-transform dual of s f over s >= 0",
        "a certified lower bound of the sample W1",
        C_TRANSFORM,
    ),
}
"""Metric: its name among the bounds, what it is, what it proves, its source."""


def _metrics() -> Iterator[Metric]:
    moments = {"": "at the snapshot"} | {
        f"_{name}": f"after all further steps {how}" for name, how in TRAININGS.items()
    }
    for suffix, when in moments.items():
        for metric, (_, what, proves, source) in BOUNDS.items():
            yield Metric(f"{metric}{suffix}", f"{what} on held-out samples {when}: {proves}.", source=source)
        yield Metric(f"lipschitz_pair{suffix}", f"The largest K_pair of a replicate {when}: K is at least that.")
    chosen = "from the snapshot to the step that is best on other replicates, as a share of W1"
    for name, how in TRAININGS.items():
        title, maximised, source = MAXIMISED[name]
        legend = f"{title}: what the {maximised} gains, of W1, when the critic is trained on"
        yield Metric(
            f"rise_{name}",
            f"What the {maximised} gains by further steps {how}, {chosen}.",
            source=source,
            headline=Headline(title, legend, rank=56),
        )
        yield Metric(
            f"rise_pair_{name}",
            f"What dual_raw / K_pair gains by these, {chosen}: progress that no growing slope can fake.",
            source=PAIR,
        )
        yield Metric(
            f"rise_best_scale_{name}",
            f"What dual_c_best_scale gains by these, {chosen}: progress up to scale.",
            source=C_TRANSFORM,
        )
        yield Metric(f"steps_{name}", f"Further steps {how} that were taken in the time that there was.")


class CriticTraining(Analyzer):
    """The critic continued on the frozen generator: how far it was from its maximum, and what it then certifies."""

    name = "critic-training"
    needs = frozenset({Need.REAL, Need.FAKE, Need.CRITIC, Need.GRADIENT})
    on_request = True
    metrics = (*_metrics(),)
    tables = (
        Table(
            "steps",
            "The critic after so many further steps of one objective, means over held-out replicates: what it maximises"
            " (objective_value), its penalty, the dual and the bounds of W1 by it, its slope K_pair (the largest), and "
            "exact W1. seconds: of training, and of looking at it, until then.",
            {
                "objective": "string",
                "critic_steps": "int64",
                "n": "int64",
                **dict.fromkeys(
                    (
                        "objective_value",
                        "penalty",
                        *BOUNDS,
                        "dual_zero",
                        "best_scale",
                        "lipschitz_pair",
                        "w1",
                        "seconds",
                    ),
                    "float64",
                ),
            },
        ),
    )

    @dataclass(frozen=True)
    class Options:
        steps: int = field(default=1000, metadata={"help": "Further critic steps, at most; decades below are read."})
        seconds: float | None = field(
            default=60.0, metadata={"help": "Seconds for all of it; training stops early for it. none: without end."}
        )
        batch: int = field(default=64, metadata={"help": "Samples a side of a step."})
        rate: float = field(default=5e-4, metadata={"help": "Learning rate of Adam for the further steps."})
        penalty: float | None = field(
            default=None, metadata={"help": "Weight of a gradient penalty; none: the snapshot's own constraint, or 10."}
        )
        samples: int = field(default=512, metadata={"help": "Held-out samples a side of a replicate, at most."})

        def __post_init__(self) -> None:
            if self.steps < 1 or self.batch < 2 or self.samples < 2:
                raise ValueError("steps is at least 1, batch and samples at least 2")
            if not self.rate > 0 or (self.penalty is not None and self.penalty < 0):
                raise ValueError("rate is positive, penalty is not negative")
            if self.seconds is not None and not self.seconds > 0:
                raise ValueError("seconds is above 0, or none")

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield both continuations, the bounds of W1 before and after them, and what they gained."""
        from wganalyze_plugins.dynamics.constraints import Constraint
        from wganalyze_plugins.dynamics.continuation import Plan, continuations

        said = self.options
        constraint = Constraint.of(study, said.penalty).in_force(study)
        plan = Plan(decades(said.steps), said.seconds, said.batch, said.rate, constraint, said.samples)
        penalised, transformed = continuations(study, plan)
        for continuation in (penalised, transformed):
            yield Rows("steps", list(_table_rows(continuation)))
        n = penalised.n
        yield from _Part(study, n, "", "at the snapshot", penalised.frozen).bounds(penalised.first)
        for name, continuation, how in (("penalised", penalised, str(constraint)), ("transform", transformed, "")):
            note = "; ".join(filter(None, (how, _ended(continuation, said), continuation.frozen)))
            steps = continuation.last.steps
            method = f"{continuation.objective} training on, {steps} steps; Adam {said.rate:g}, batches of {said.batch}"
            part = _Part(study, n, f"_{name}", method, note)
            yield part.row("steps", float(steps))
            yield from part.bounds(continuation.last)
            yield from part.rises(continuation, study.head.output == "logit" and name == "penalised")
        if constraint.own and not penalised.frozen and study.head.output == "score":
            yield from _finding(penalised, constraint)


def _table_rows(continuation: Continuation) -> Iterator[dict[str, Scalar]]:
    import numpy as np

    for state, reached in zip(continuation.states, continuation.reached, strict=True):
        means = {
            "objective_value": reached,
            "penalty": state.penalties if continuation.objective == "penalised" else np.array([np.nan]),
            **{metric: state.of(name) for metric, (name, *_) in BOUNDS.items()},
            "dual_zero": state.of("zero"),
            "best_scale": state.of("best_scale"),
            "w1": continuation.w1,
        }
        yield {
            "objective": continuation.objective,
            "critic_steps": state.steps,
            "n": continuation.n,
            **{name: _finite(float(values.mean())) for name, values in means.items()},
            "lipschitz_pair": _finite(float(state.of("slope").max())),
            "seconds": state.seconds,
        }


def _ended(continuation: Continuation, said: CriticTraining.Options) -> str:
    """Why training ended before its last step; "": it did not."""
    steps = continuation.last.steps
    if continuation.diverged:
        return f"training diverged, step {steps} is the last that was finite: choose a smaller critic-training.rate"
    if steps < said.steps:
        return f"stopped by critic-training.seconds = {said.seconds:g} after {steps} of {said.steps} steps"
    return ""


@dataclass(frozen=True)
class _Part:
    """The rows of one moment: their metrics end in ``suffix``, and all say the same of how they came about."""

    study: Study
    n: int
    suffix: str
    method: str
    note: str

    def row(self, metric: str, value: Array | float, certificate: str = "none", of: str = "") -> Measurement:
        """A number, or the mean of one for each replicate."""
        from wganalyze_plugins.batches import conditional

        def estimate(values: Array) -> Estimate:
            return conditional(self.study.estimate(values.tolist().__getitem__), "this critic")

        return Measurement.of(
            f"{metric}{self.suffix}",
            float(value) if isinstance(value, float | int) else estimate(value),
            self.study,
            n=self.n,
            replicates=self.study.replicates,
            space="euclidean",
            mode="eval",
            method="; ".join(filter(None, (of, self.method))),
            certificate=certificate,
            message="; ".join(filter(None, (self.note, self.study.critic_note))),
        )

    def bounds(self, state: State) -> Iterator[Measurement]:
        """Of W1, and the slope that is proved."""
        for metric, (name, *_) in BOUNDS.items():
            values = state.of(name)
            if math.isfinite(values.sum()):
                yield self.row(metric, values, "none" if name == "raw" else "checked")
            else:
                reason = "no real is scored above any fake, or two samples coincide: K_pair gives no bound"
                yield Measurement.absent(f"{metric}{self.suffix}", reason)
        steepest = float(state.of("slope").max())
        if 0 < steepest < math.inf:
            of = f"steepest pair of {self.study.replicates} replicates, float64"
            yield self.row("lipschitz_pair", steepest, "checked", of)
        else:
            reason = "no real is scored above any fake, or two samples coincide: no slope"
            yield Measurement.absent(f"lipschitz_pair{self.suffix}", reason)

    def rises(self, continuation: Continuation, classifies: bool) -> Iterator[Measurement]:
        """What was gained, as a share of W1; ``classifies``: what was trained on by is not what it ever maximised."""
        w1 = continuation.w1
        for metric, rise in (
            ("rise", continuation.rise),
            ("rise_pair", continuation.rise_of("pair")),
            ("rise_best_scale", continuation.rise_of("best")),
        ):
            reason = "K_pair gives no bound at the snapshot" if not math.isfinite(rise.sum()) else ""
            if w1.min() <= 0:
                reason = "W1 of held-out samples is 0: real and generated samples are equal"
            elif continuation.last.steps == 0:
                reason = self.note
            elif classifies and metric == "rise":
                reason = "a discriminator: what it maximises is no dual, and gradients.value_rise says what that gains"
            yield Measurement.absent(f"{metric}{self.suffix}", reason) if reason else self.row(metric, rise / w1)


def _finding(continuation: Continuation, constraint: Constraint) -> Iterator[Finding]:
    """Its gain exceeds a tenth of K_pair W1, the largest dual that its slope allows: paired t over the replicates."""
    from wganalyze_plugins.batches import paired_pvalue

    first, last, w1 = continuation.first, continuation.last, continuation.w1
    bar = FAR * last.of("slope") * w1
    if not math.isfinite(bar.sum()):
        return
    pvalue = paired_pvalue(bar.tolist(), continuation.rise.tolist())
    if pvalue > LEVEL:
        return
    slopes = [state.of("slope").max() for state in (first, last)]
    shares = [float((state.of("pair") / w1).mean()) for state in (first, last)]
    message = (
        f"the critic was far from its maximum: trained on under its constraint ({constraint}) against the frozen "
        f"generator, what it maximises rises by {float((continuation.rise / w1).mean()):.0%} of W1 within {last.steps} "
        f"steps (p = {pvalue:.2g}); its steepest pair goes from {slopes[0]:.3g} to {slopes[1]:.3g}, dual / K_pair from "
        f"{shares[0]:.0%} to {shares[1]:.0%} of W1 (a critic that "
        "overfitted the data of its training gains too)"
    )
    yield Finding("info", "far-from-maximum", message, ("rise_penalised", "rise_pair_penalised", "lipschitz_pair"))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [CriticTraining]
