"""Does the critic compute the Wasserstein distance? Its dual estimates against the exact value, with proofs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wganalyze import (
    Analyzer,
    Evidence,
    Finding,
    Headline,
    Measurement,
    Metric,
    Need,
    Samples,
    Sentence,
    Series,
    Study,
    TrainingRun,
    WganalyzeError,
    Yielded,
    hookimpl,
)
from wganalyze_plugins import sentences

if TYPE_CHECKING:
    from wganalyze.transport import DualBounds, Transport

DUALITY = "Kantorovich-Rubinstein; Villani 2009, thm. 5.10"
C_TRANSFORM = "Mallasto et al. 1910.03875, eq. 6"
SHORT = 0.9
LEVEL = 0.01
"""Of every finding that rests on a test: how often it may be wrong, at most."""
ROUNDING = 1e-9
SCORE_ROUNDING = 1e-14
AGREEING = 0.01
"""How far slopes in single and in double precision may differ, for the former to be trusted."""
WEIGHT_ROUNDING = 1e-6
"""Of K: a critic of slope 1 whose weights are float32 exceeds it by 6e-8 a layer, and is an honest one."""


class WeakDualityError(WganalyzeError):
    """A lower bound of W1 lies above W1: something is computed wrongly, and no number of it may be believed."""


@dataclass(frozen=True)
class Pair:
    """One replicate: the exact transport of a real and a generated sample, and what the critic says of the same two.

    Its scores may be of single precision: bounds of W1 hold for any numbers. What claims something of the critic itself
    is computed again, in double: ``slope`` (K_pair), and ``implied_slope``. ``size``: the largest absolute score, for
    the rounding of the bounds.
    """

    replicate: int
    transport: Transport
    bounds: DualBounds
    slope: float
    size: float

    @property
    def ratio(self) -> float | None:
        """raw / W1; None where the two samples are equal."""
        return self.bounds.raw / self.transport.value if self.transport.value > 0 else None

    @property
    def certified(self) -> dict[str, float]:
        """The lower bounds of W1 that hold for any f, by metric."""
        bounds = self.bounds
        return {
            "dual_c": bounds.c,
            "dual_c_from_real": bounds.c_first,
            "dual_c_from_fake": bounds.c_second,
            "dual_c_best_scale": bounds.best,
            "dual_zero": bounds.zero,
        }

    def check(self) -> None:
        """WeakDualityError where a bound exceeds the certified upper end of W1."""
        upper = self.transport.value
        room = ROUNDING * (upper + self.transport.scale) + SCORE_ROUNDING * max(1, self.bounds.best_scale) * self.size
        pair = {} if self.bounds.pair is None else {"dual_pair": self.bounds.pair}
        for name, value in {**pair, **self.certified}.items():
            if value > upper + room:
                raise WeakDualityError(
                    f"weak duality is violated: {name} = {value:.12g} exceeds W1 = {upper:.12g} on the same samples; "
                    "a fault of wganalyze, or a critic that is random in eval mode; please report it"
                )


class CriticGap(Analyzer):
    """The critic's dual estimates of W1 on the samples of the exact value: raw, certified, and up to scale."""

    name = "critic-gap"
    needs = frozenset({Need.REAL, Need.FAKE, Need.CRITIC, Need.SCORES})
    metrics = (
        Metric(
            "dual_raw",
            "E f(real) - E f(fake), sign fixed: the critic's loss. No bound of W1. Scores may be float32, where 32 of "
            "them were right to a thousandth of their spread.",
            source=DUALITY,
            headline=Headline("dual", "dual: E f(real) - E f(fake), the critic's loss, sign fixed", rank=40),
        ),
        Metric(
            "dual_pair",
            "dual_raw / K_pair: a certified lower bound of the sample W1.",
            direction="higher",
            source="SCIENCE: K_pair = max (f(x_i) - f(y_j))+ / c(x_i, y_j)",
        ),
        Metric(
            "dual_c",
            "The better of the two c-transform duals: a certified lower bound of the sample W1.",
            source=C_TRANSFORM,
        ),
        Metric("dual_c_from_real", "mean f(real) + mean f^c(fake): a lower bound for any f.", source=C_TRANSFORM),
        Metric("dual_c_from_fake", "The c-transform dual from the other side.", source=C_TRANSFORM),
        Metric(
            "dual_c_best_scale",
            "The largest c-transform dual of s f over s >= 0, a certified lower bound of the sample W1: how good is "
            "this critic up to scale?",
            direction="higher",
            source=C_TRANSFORM,
        ),
        Metric("dual_zero", "The c-transform dual of f = 0: what a critic that knows nothing certifies."),
        # No headlines: at high dimension f = 0 certifies nearly all of W1, and a perfect critic hardly more.
        Metric(
            "dual_information",
            "(dual_c_best_scale - dual_zero) / (W1 - dual_zero): 0 no better than f = 0, 1 an optimal potential of "
            "these samples; one of the laws is far below 1 at high dimension.",
            direction="higher",
        ),
        Metric("best_scale", "The scale s of dual_c_best_scale."),
        Metric(
            "dual_ratio",
            "dual_raw / W1 on the same samples; above 1 proves that f is not 1-Lipschitz.",
            headline=Headline("dual/W1", rank=50),
        ),
        Metric("dual_ratio_known", "dual_raw / the true W1 of the pair of laws, where that is known."),
        Metric("gap", "W1 - dual_raw: what the critic's loss misses; negative where it overstates."),
        Metric("lipschitz_implied", "The largest dual_raw / W1 of a replicate: a certified lower bound of K."),
        Metric("lipschitz_pair", "The largest K_pair of a replicate: a certified lower bound of K."),
        Metric(
            "dual_predicted",
            "W + W^2 / (2 lambda): the dual that a gradient penalty inflates to between two Diracs. A heuristic.",
            source="Gulrajani et al. 1704.00028, eq. 3; SCIENCE: the inflation law",
        ),
        Metric("gap_after_penalty", "dual_predicted - dual_raw: the gap that the penalty does not explain."),
        Metric("w1_floors", "W1 of two real samples, plus W1 of two generated ones: what sampling explains at most."),
        Metric("orientation", "+1: the critic scores real high; -1: it scores real low."),
        Metric("auc", "P(score of a real > score of a fake), before the sign is fixed; .5: no separation."),
    )

    series = (Series("critic", "dual_raw", "critic's loss", "distance"),)

    @classmethod
    def verdict(cls, run: TrainingRun, evidence: Evidence) -> Iterator[Sentence]:
        yield from sentences.loss(run, evidence)

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield the estimates and bounds, every one checked against the exact value, and what follows."""
        pairs = [_pair(study, replicate) for replicate in range(study.replicates)]
        for pair in pairs:
            pair.check()
        yield from self._orientation(study)
        yield _mean(study, "dual_raw", [p.bounds.raw for p in pairs])
        yield _dual_pair(study, pairs)
        for metric in pairs[0].certified:
            yield _mean(study, metric, [p.certified[metric] for p in pairs], certificate="checked")
        yield _mean(study, "best_scale", [p.bounds.best_scale for p in pairs])
        yield _information(study, pairs)
        yield from self._against_exact(study, pairs)
        yield from self._penalty(study, pairs)
        yield from _findings(study, pairs)

    def _orientation(self, study: Study) -> Iterator[Yielded]:
        origin = "said by the user" if study.snapshot.orientation is not None else "found from the first replicate"
        for metric, value, method in (
            ("orientation", study.orientation, origin),
            ("auc", study.orientation_auc, "first replicate"),
        ):
            yield Measurement.of(metric, value, study, mode="eval", method=method)
        if study.snapshot.orientation is None and study.orientation < 0:  # by 3 standard errors
            message = (
                f"the critic scores real low here (AUC {study.orientation_auc:.2f}), and its sign was turned; if it "
                "was trained to score real high, these data contradict it: say --orientation 1"
            )
            yield Finding("warning", "scores-real-low", message, ("orientation", "auc"))

    def _against_exact(self, study: Study, pairs: Sequence[Pair]) -> Iterator[Measurement]:
        ratios = [p.ratio for p in pairs if p.ratio is not None]
        if len(ratios) < len(pairs):
            reason = "W1 is 0: the two samples are equal"
            for metric in ("dual_ratio", "lipschitz_implied"):
                yield Measurement.absent(metric, reason)
        else:
            yield _mean(study, "dual_ratio", ratios)
            yield _largest(study, "lipschitz_implied", implied_slope(study, pairs), "sample means")
        yield _largest(study, "lipschitz_pair", max(p.slope for p in pairs), "pairs")
        yield _mean(study, "gap", [p.transport.value - p.bounds.raw for p in pairs])
        if study.known_w1:
            known = study.known_w1
            yield _mean(study, "dual_ratio_known", [p.bounds.raw / known for p in pairs])

    def _penalty(self, study: Study, pairs: Sequence[Pair]) -> Iterator[Measurement]:
        from wganalyze.transport import penalised_dual

        penalty = study.snapshot.penalty
        if not penalty:
            reason = "the weight of the gradient penalty is unknown: say --gradient-penalty LAMBDA if there was one"
            if penalty == 0:
                reason = "trained without a gradient penalty (lambda = 0): nothing is inflated by one"
            yield Measurement.absent("dual_predicted", reason)
            yield Measurement.absent("gap_after_penalty", reason)
            return
        message = f"lambda = {penalty:g}; a heuristic, derived for two Diracs: it fails for overlapping supports"

        def predicted(p: Pair) -> float:
            return penalised_dual(p.transport.value, penalty)

        yield _mean(study, "dual_predicted", [predicted(p) for p in pairs], message=message)
        yield _mean(study, "gap_after_penalty", [predicted(p) - p.bounds.raw for p in pairs], message=message)


def _pair(study: Study, replicate: int) -> Pair:
    import numpy as np

    from wganalyze.transport import as_points, dual_bounds

    x, y = study.real(replicate=replicate), study.fake(replicate=replicate)
    points = as_points(x.points, "real"), as_points(y.points, "fake")
    for single in (True, False):
        on_x, on_y = (study.scores(side, single=single) for side in (x, y))
        # The bounds do not see a constant, their rounding does.
        middle = (on_x.mean() + on_y.mean()) / 2
        fx, fy = study.orientation * (on_x - middle), study.orientation * (on_y - middle)
        bounds = dual_bounds(fx, fy, *points)
        slope = _in_double(study, x, y, bounds) if single else bounds.slope
        # Over a distance that is small, single precision finds slopes that are none.
        if abs(slope - bounds.slope) <= AGREEING * bounds.slope:
            break
    size = float(max(np.abs(fx).max(), np.abs(fy).max()))
    return Pair(replicate, study.transport(x, y), bounds, slope, size)


def _in_double(study: Study, x: Samples, y: Samples, bounds: DualBounds) -> float:
    """The slope of the steepest pair, its two samples scored in double precision; NaN where they cannot be."""
    from wganalyze.transport import as_points, paired_cost

    i, j = bounds.steepest
    first, second = x.take([i]), y.take([j])
    try:
        up, down = study.scores(Samples.concatenate([first, second]))
    except (RuntimeError, TypeError, ValueError, WganalyzeError):  # a critic that needs a batch
        return float("nan")
    (distance,) = paired_cost(as_points(first.points, "real"), as_points(second.points, "fake"))
    if bounds.slope == 0:
        return 0.0
    return float(study.orientation * (up - down) / distance) if distance > 0 else float("nan")


def implied_slope(study: Study, pairs: Sequence[Pair]) -> float:
    """The largest dual_raw / W1 of a replicate, in double precision: a lower bound of K; 0 where all W1 are 0."""
    found = [(p.ratio, p) for p in pairs if p.ratio is not None]
    if not found:
        return 0.0
    _, best = max(found, key=lambda pair: pair[0])
    on_x, on_y = (study.scores(side(replicate=best.replicate)) for side in (study.real, study.fake))
    return float(study.orientation * (on_x.mean() - on_y.mean()) / best.transport.value)


def _mean(
    study: Study, metric: str, values: Sequence[float], certificate: str = "none", message: str = ""
) -> Measurement:
    """The estimate from one value per replicate."""
    estimate = study.estimate(values.__getitem__)
    return Measurement.of(
        metric,
        estimate,
        study,
        space="euclidean",
        mode="eval",
        method=f"mean over {estimate.replicates} fresh samples",
        certificate=certificate,
        message="; ".join(filter(None, (message, study.critic_note))),
    )


def _largest(study: Study, metric: str, largest: float, what: str) -> Measurement:
    if largest == float("inf"):
        return Measurement.absent(metric, "two samples coincide and are scored differently: no slope between them")
    if largest <= 0:
        return Measurement.absent(metric, "the critic does not score real above fake here: no bound")
    return Measurement.of(
        metric,
        largest,
        study,
        replicates=study.replicates,
        space="euclidean",
        mode="eval",
        method=f"steepest {what} of {study.replicates} replicates, float64",
        certificate="checked",
        message=study.critic_note,
    )


def _dual_pair(study: Study, pairs: Sequence[Pair]) -> Measurement:
    if any(p.bounds.pair is None for p in pairs):
        infinite = any(p.bounds.slope == float("inf") for p in pairs)
        reason = "two samples coincide and are scored differently" if infinite else "no real is scored above any fake"
        return Measurement.absent("dual_pair", f"{reason}: K_pair gives no bound")
    return _mean(study, "dual_pair", [p.bounds.pair or 0.0 for p in pairs], certificate="checked")


def _information(study: Study, pairs: Sequence[Pair]) -> Measurement:
    from wganalyze.transport import information

    values = [value for p in pairs if (value := information(p.bounds, p.transport.value)) is not None]
    if len(values) < len(pairs):
        return Measurement.absent("dual_information", "f = 0 is optimal already: no critic can say more here")
    return _mean(study, "dual_information", values)


def _findings(study: Study, pairs: Sequence[Pair]) -> Iterator[Yielded]:
    """What the numbers prove: by a margin above rounding, or by a test over the replicates at LEVEL."""
    raws, values = [p.bounds.raw for p in pairs], [p.transport.value for p in pairs]
    implied = implied_slope(study, pairs)
    if study.head.output != "score":
        message = "a discriminator: its raw dual is no estimate of W1, only the bounds up to scale are"
        yield Finding("info", "discriminator", message, ("dual_raw", "dual_c_best_scale"))
        return
    above = implied > 1 + WEIGHT_ROUNDING
    if above:
        # A constant of 1.00001 is proved too, and four digits would call it 1.
        constant = f"{implied:.4g}" if implied > 1.001 else f"1 + {implied - 1:.2g}"
        message = (
            f"the critic's loss is up to {constant} times the sample W1 (on average {_average(raws):.4g} against "
            f"{_average(values):.4g}): so it is not 1-Lipschitz, its K is at least {constant}"
        )
        yield Finding("warning", "dual-above-w1", message, ("dual_raw", "dual_ratio", "lipschitz_implied"))
    if study.known_w1:
        yield from _against_known(study, raws, study.known_w1)
    elif not above and max(values) > 0:
        yield from _against_floors(study, raws, values)


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _against_known(study: Study, raws: Sequence[float], known: float) -> Iterator[Finding]:
    """The loss is bad where it is off by a tenth, and by more than chance: t over the replicates, two-sided."""
    from wganalyze_plugins.batches import paired_pvalue

    loss, truth = _average(raws), [known] * len(raws)
    pvalue = min(1.0, 2 * min(paired_pvalue(raws, truth), paired_pvalue(truth, raws)))
    if abs(loss - known) > (1 - SHORT) * known and pvalue <= LEVEL:
        message = f"the critic's loss {loss:.4g} is {loss / known:.0%} of the true W1 {known:.4g} (p = {pvalue:.2g})"
        yield Finding("warning", "dual-against-known", message, ("dual_raw", "dual_ratio_known"))


def _against_floors(study: Study, raws: Sequence[float], values: Sequence[float]) -> Iterator[Yielded]:
    """E W(P_n,Q_n) - E W(P_n,P_n') - E W(Q_n,Q_n') <= W(P,Q), by the triangle inequality and convexity.

    What the loss misses of nine tenths of the left side is held against chance: paired t over the replicates.
    """
    from wganalyze_plugins.batches import paired_pvalue

    reals, fakes = (
        [study.transport(side(replicate=r), side(replicate=r, split="x2")).value for r in range(study.replicates)]
        for side in (study.real, study.fake)
    )
    floors = [real + fake for real, fake in zip(reals, fakes, strict=True)]
    raw, value, total = _average(raws), _average(values), _average(floors)
    drowned = f"W1 is {value:.4g}: all of it may be sampling at n = {study.n}, so that dual_ratio cannot judge"
    yield _mean(study, "w1_floors", floors, message="" if total < value else drowned)
    left = [SHORT * (one - floor) for one, floor in zip(values, floors, strict=True)]
    if total < value and (pvalue := paired_pvalue(raws, left)) <= LEVEL:
        message = (
            f"the critic's loss {raw:.4g} is {raw / value:.0%} of the sample W1 {value:.4g}, of which at most "
            f"{total:.4g} is sampling: the loss understates W1 (p = {pvalue:.2g})"
        )
        yield Finding("warning", "dual-below-w1", message, ("dual_raw", "dual_ratio", "gap", "w1_floors"))


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [CriticGap]
