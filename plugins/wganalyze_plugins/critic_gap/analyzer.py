"""Does the critic compute the Wasserstein distance? Its dual estimates against the exact value, with proofs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from wganalyze import (
    Analyzer,
    Evidence,
    Finding,
    Measurement,
    Need,
    Sentence,
    Series,
    Study,
    TrainingRun,
    Yielded,
    hookimpl,
)
from wganalyze_plugins import sentences
from wganalyze_plugins.critic_gap.declared import METRICS, TABLES
from wganalyze_plugins.critic_gap.estimates import average, largest, mean
from wganalyze_plugins.critic_gap.findings import findings
from wganalyze_plugins.critic_gap.pairs import Pair, implied_slope, pair_of

NEARLY = 0.9
"""Of W1: what f = 0 certifies where no critic can say much more."""


class CriticGap(Analyzer):
    """The critic's dual estimates of W1 on the samples of the exact value: raw, certified, and up to scale."""

    name = "critic-gap"
    needs = frozenset({Need.REAL, Need.FAKE, Need.CRITIC, Need.SCORES})
    metrics = METRICS
    tables = TABLES
    series = (Series("critic", "dual_raw", "critic's loss", "distance"),)

    @dataclass(frozen=True)
    class Options:
        epsilons: tuple[float, ...] = field(
            default=(0.001, 0.01, 0.1, 1.0),
            metadata={"help": "Epsilons of the smoothed c-transform, as shares of W1."},
        )
        batch: int = field(
            default=64, metadata={"help": "Size of the batches whose loss stands beside that of n; 0: none."}
        )

        def __post_init__(self) -> None:
            if not all(epsilon > 0 for epsilon in self.epsilons):
                raise ValueError("epsilons are above 0")
            if self.batch < 0:
                raise ValueError("batch is a number of samples, or 0")

    @classmethod
    def verdict(cls, run: TrainingRun, evidence: Evidence) -> Iterator[Sentence]:
        yield from sentences.loss(run, evidence)

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield the estimates and bounds, every one checked against the exact value, and what follows."""
        pairs = [pair_of(study, replicate) for replicate in range(study.replicates)]
        for pair in pairs:
            pair.check()
        yield from self._orientation(study)
        yield mean(study, "dual_raw", [p.bounds.raw for p in pairs])
        yield _dual_pair(study, pairs)
        for metric in pairs[0].certified:
            yield mean(study, metric, [p.certified[metric] for p in pairs], certificate="checked")
        yield mean(study, "best_scale", [p.bounds.best_scale for p in pairs])
        yield _information(study, pairs)
        yield from self._against_exact(study, pairs)
        yield from self._penalty(study, pairs)
        yield from self._closer(study, pairs)

    def _closer(self, study: Study, pairs: Sequence[Pair]) -> Iterator[Yielded]:
        """What the critic is, beside its loss: as a potential, on batches, in train mode, under smoothing."""
        from wganalyze_plugins.critic_gap.minibatches import batches
        from wganalyze_plugins.critic_gap.modes import in_train_mode
        from wganalyze_plugins.critic_gap.penalties import penalties
        from wganalyze_plugins.critic_gap.population import population
        from wganalyze_plugins.critic_gap.potentials import judge, potentials
        from wganalyze_plugins.critic_gap.segments import segments_of
        from wganalyze_plugins.critic_gap.smoothing import smoothed

        segments = [segments_of(study, pair) for pair in pairs]
        judged = judge(study, pairs, segments)
        yield from population(study, [p.bounds.raw for p in pairs])
        yield from potentials(study, pairs, segments, judged)
        yield from penalties(study, segments)
        yield from in_train_mode(study)
        yield from batches(study, pairs, self.options.batch)
        yield from smoothed(study, pairs, self.options.epsilons)
        yield from findings(study, pairs, judged)

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
            yield mean(study, "dual_ratio", ratios)
            yield largest(study, "lipschitz_implied", implied_slope(study, pairs), "sample means")
        yield largest(study, "lipschitz_pair", max(p.slope for p in pairs), "pairs")
        yield mean(study, "gap", [p.transport.value - p.bounds.raw for p in pairs])
        if study.known_w1:
            known = study.known_w1
            yield mean(study, "dual_ratio_known", [p.bounds.raw / known for p in pairs])

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

        yield mean(study, "dual_predicted", [predicted(p) for p in pairs], message=message)
        yield mean(study, "gap_after_penalty", [predicted(p) - p.bounds.raw for p in pairs], message=message)


def _dual_pair(study: Study, pairs: Sequence[Pair]) -> Measurement:
    if any(p.bounds.pair is None for p in pairs):
        infinite = any(p.bounds.slope == float("inf") for p in pairs)
        reason = "two samples coincide and are scored differently" if infinite else "no real is scored above any fake"
        return Measurement.absent("dual_pair", f"{reason}: K_pair gives no bound")
    return mean(study, "dual_pair", [p.bounds.pair or 0.0 for p in pairs], certificate="checked")


def _information(study: Study, pairs: Sequence[Pair]) -> Measurement:
    from wganalyze.transport import information

    values = [value for p in pairs if (value := information(p.bounds, p.transport.value)) is not None]
    if len(values) < len(pairs):
        return Measurement.absent("dual_information", "f = 0 is optimal already: no critic can say more here")
    zero, w1 = average([p.bounds.zero for p in pairs]), average([p.transport.value for p in pairs])
    drowned = f"f = 0 certifies {zero / w1:.0%} of W1 at this n and dimension: it says little of any critic"
    return mean(study, "dual_information", values, message=drowned if zero > NEARLY * w1 else "")


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [CriticGap]
