"""How far are generated samples from real ones? Exact Wasserstein distances, with their floors and certificates."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from wganalyze import (
    Analyzer,
    Evidence,
    Finding,
    Headline,
    Measurement,
    Metric,
    Need,
    NotMeasurable,
    Rows,
    Samples,
    Scalar,
    Scope,
    Sentence,
    Series,
    Split,
    Study,
    Table,
    TrainingRun,
    Yielded,
    hookimpl,
)
from wganalyze_plugins import memorisation, sentences
from wganalyze_plugins.floor import Side, cause_below, either

if TYPE_CHECKING:
    from wganalyze.transport import PermutationTest, Transport

ALPHA = 0.05
FEWEST = 19
"""Permutations below which no p-value can reach ALPHA."""
ENOUGH = 10
"""Permutations as extreme as what was observed that end the test: it cannot come out small any more."""
FOR_EACH, FEW_SNAPSHOTS, MANY_SNAPSHOTS = 25, 8, 256
"""Permutations for each snapshot of a run, for at least and at most so many."""
KANTOROVICH = "Villani 2009, Optimal Transport, def. 6.1; Peyre and Cuturi 1803.00567, eq. 2.11"
FLOOR = "Weed and Bach 1707.00087: the bias of the sample value"
SMALLEST = 16
"""Samples a side below which a sweep says nothing."""


class ExactW(Analyzer):
    """W1 and W2 between real and generated samples: exact, certified, beside the floors of one law against itself."""

    name = "exact-w"
    needs = frozenset({Need.REAL, Need.FAKE})
    in_spaces = True
    metrics = (
        Metric(
            "w1",
            "W1 between n real and n generated samples.",
            direction="lower",
            source=KANTOROVICH,
            headline=Headline(
                "W1 [95% CI]",
                "W1: between samples of size n, interval for its expectation at this n",
                interval=True,
                rank=10,
            ),
        ),
        Metric("w1_lower", "The dual value that certifies W1 from below.", source="Villani 2009, thm. 5.10"),
        Metric("w1_gap", "W1 minus its certified lower end; rounding where W1 is exact.", direction="lower"),
        Metric(
            "w1_floor",
            "W1 between two disjoint real samples: what a perfect generator scores.",
            source=FLOOR,
            headline=Headline("floor", "floor: W1 between two real samples", rank=20),
        ),
        Metric("w1_floor_fake", "W1 between two generated samples; far below w1_floor: too little variety."),
        Metric(
            "w1_floor_exponent",
            "e where w1_floor falls as n^-e over the sweep: about 1/2, or 1/(intrinsic dimension) above 2, at these n.",
            source="Weed and Bach 1707.00087; its inverse estimates the dimension: Block et al. 2106.04018",
        ),
        Metric(
            "w1_pvalue",
            "Permutation p-value of: real and generated samples come from one law.",
            unit="p-value",
            source="Phipson and Smyth 1603.05766, eq. 2; Besag and Clifford 1991",
            headline=Headline("p (Holm)", "p: are real and fake told apart at all?", rank=30),
            correction="holm",
        ),
        Metric("w1_known", "The true W1 of the pair of laws, where the data are such a pair."),
        Metric("w2", "W2 (not squared) between n real and n generated samples.", direction="lower", source=KANTOROVICH),
        Metric("w2_lower", "The dual value that certifies W2 from below."),
        Metric("w2_gap", "W2 minus its certified lower end.", direction="lower"),
        Metric("w2_floor", "W2 between two disjoint real samples.", source=FLOOR),
        *memorisation.METRICS,
    )

    series = (
        Series("trajectory", "w1", "generated", "W1 to real samples"),
        Series("trajectory", "w1_floor", "other real ones", "W1 to real samples", reference=True),
        Series("critic", "w1", "W1 of the same samples", "distance"),
        Series("sweep", "sweep.w1", "generated", "W1 to real samples", over="n"),
        Series("sweep", "sweep.floor", "other real ones", "W1 to real samples", over="n", reference=True),
    )
    tables = (
        Table(
            "sweep",
            "W1 and its floor over n, from the first n samples of each replicate; seconds: of this row's solves "
            "(without floors that an earlier snapshot had; none at the full n, whose transports are shared).",
            {
                "n": "int64",
                "replicates": "int64",
                "w1": "float64",
                "w1_low": "float64",
                "w1_high": "float64",
                "floor": "float64",
                "floor_low": "float64",
                "floor_high": "float64",
                "certificate": "string",
                "solver": "string",
                "seconds": "float64",
            },
        ),
    )

    @dataclass(frozen=True)
    class Options:
        metric: Literal["euclidean", "l1", "cosine"] = field(
            default="euclidean", metadata={"help": "Ground metric between samples."}
        )
        permutations: int | None = field(
            default=None,
            metadata={
                "help": "Permutations of the test of W1, at most; 0 leaves it out; none: 199, or what Holm's "
                "correction needs over so many snapshots."
            },
        )
        permutation_n: int = field(default=256, metadata={"help": "Samples on each side of the test, at most."})
        sweep: int = field(
            default=4,
            metadata={"help": f"Halvings of n in the curve of W1, down to {SMALLEST}; 0 leaves it out."},
        )

        def __post_init__(self) -> None:
            if self.sweep < 0:
                raise ValueError("sweep is 0 or more")
            if self.permutations is not None and self.permutations != 0 and self.permutations < FEWEST:
                raise ValueError(f"permutations is 0, or at least {FEWEST}: fewer cannot give p <= {ALPHA}")
            if self.permutation_n < 2:
                raise ValueError("permutation_n is at least 2")

    @classmethod
    def for_run(cls, options: Options, snapshots: int) -> Options:
        """With so many permutations that the least p-value is .04 or less after Holm's correction, up to 256 snapshots.

        In powers of two, so that a few snapshots more leave what was measured as it is.
        """
        if options.permutations is not None:
            return options
        most = 2 ** math.ceil(math.log2(min(max(snapshots, FEW_SNAPSHOTS), MANY_SNAPSHOTS)))
        return replace(options, permutations=FOR_EACH * most - 1)

    @classmethod
    def verdict(cls, run: TrainingRun, evidence: Evidence) -> Iterator[Sentence]:
        yield from sentences.distance(run, evidence)
        yield from sentences.memorisation(run, evidence)

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield values, floors, the test, and what follows from them."""
        reals, fakes = _draws(study.real, study), _draws(study.fake, study)
        more_reals, more_fakes = _draws(study.real, study, "x2"), _draws(study.fake, study, "x2")
        self._check_directions([*reals, *fakes, *more_reals, *more_fakes])
        for p in (1, 2):
            solved, scope = self._solve(study, reals, fakes, p), _scope([*reals, *fakes])
            floor = self._solve(study, reals, more_reals, p)
            yield self._estimate(study, f"w{p}", solved, lambda t: t.value, scope)
            yield self._estimate(study, f"w{p}_lower", solved, lambda t: t.lower, scope)
            yield self._estimate(study, f"w{p}_gap", solved, lambda t: t.gap, scope)
            yield self._estimate(study, f"w{p}_floor", floor, lambda t: t.value, "data")
            yield from _uncertified(f"w{p}", solved, (f"w{p}", f"w{p}_lower", f"w{p}_gap"))
            yield from _uncertified(f"w{p}_floor", floor, (f"w{p}_floor",))
            if p == 1:
                variety = self._solve(study, fakes, more_fakes, p)
                yield self._estimate(study, "w1_floor_fake", variety, lambda t: t.value, scope)
                yield from _uncertified("w1_floor_fake", variety, ("w1_floor_fake",))
                side = Side.of(solved, floor)
                yield from self._test(study, reals, fakes, side)
                yield from self._below_floor(study, fakes, side)
        if self.options.metric == "euclidean":
            yield from memorisation.of_training(study, fakes, reals)
        yield from self._sweep(study, reals, fakes, more_reals)
        if study.known_w1 is not None:
            method = "mean distance of optimal pairs"
            yield Measurement("w1_known", study.known_w1, space=study.space, method=method, scope="data")

    def _check_directions(self, samples: Sequence[Samples]) -> None:
        if self.options.metric == "cosine" and not all(s.points.any(axis=1).all() for s in samples):
            raise NotMeasurable(
                "exact-w.metric=cosine: some samples are 0 everywhere and have no direction; use euclidean or l1"
            )

    def _solve(self, study: Study, first: Sequence[Samples], second: Sequence[Samples], p: int) -> list[Transport]:
        """One transport per replicate, shared with every analyzer of the study."""
        return [study.transport(x, y, p, self.options.metric) for x, y in zip(first, second, strict=True)]

    def _estimate(
        self, study: Study, metric: str, solved: Sequence[Transport], of: Callable[[Transport], float], scope: Scope
    ) -> Measurement:
        from wganalyze.statistics import of_median

        estimate = study.estimate(lambda r: of(solved[r]))
        if solved[0].p > 1:  # skewed, since a few samples far off decide it
            estimate = of_median(estimate.values)
        exact = all(transport.exact for transport in solved)
        value = not metric.endswith(("_lower", "_gap"))
        sides = "Q_n, Q'_n" if metric.endswith("_fake") else "P_n, P'_n" if metric.endswith("_floor") else "P_n, Q_n"
        return Measurement.of(
            metric,
            estimate if value else replace(estimate, interval=None),
            study,
            space=self.options.metric,
            method=f"mean over {estimate.replicates} fresh samples; estimates E W({sides}) at this n, not W(P, Q)",
            certificate="exact" if exact else "checked",
            solver=_solvers(solved),
            message=study.size_note if value else "",
            scope=scope,
        )

    def _sweep(
        self, study: Study, reals: Sequence[Samples], fakes: Sequence[Samples], more_reals: Sequence[Samples]
    ) -> Iterator[Yielded]:
        from wganalyze_plugins.batches import first

        if not self.options.sweep:
            return
        sizes = [study.n, *(n for k in range(self.options.sweep) if (n := study.n >> (k + 1)) >= SMALLEST)]
        records, floors = [], []
        for n in sizes:
            start = time.perf_counter()
            x, y, other = ([first(samples, n) for samples in side] for side in (reals, fakes, more_reals))
            solved, floor = self._solve(study, x, y, 1), self._solve(study, x, other, 1)
            seconds = time.perf_counter() - start
            records.append({"n": n, **_sweep_record(study, solved, floor), "seconds": seconds if n < study.n else None})
            floors.append([transport.value for transport in floor])
        yield Rows("sweep", records)
        yield self._exponent(study, sizes, floors)

    def _exponent(self, study: Study, sizes: Sequence[int], floors: Sequence[Sequence[float]]) -> Measurement:
        """From ``floors`` of each size and replicate: the slope of each replicate, averaged over them."""
        from numpy import polyfit

        metric = "w1_floor_exponent"
        if len(sizes) < 2:
            return Measurement.absent(metric, f"n = {study.n} leaves one size of {SMALLEST} samples or more")
        if not min(map(min, floors)) > 0:
            return Measurement.absent(metric, "the floor is 0: real samples are equal")
        logs = [[math.log(value) for value in floor] for floor in floors]
        slope = study.estimate(lambda r: -polyfit([math.log(n) for n in sizes], [log[r] for log in logs], 1)[0])
        method = f"least squares of log W1 over log n, n = {sizes[-1]} to {sizes[0]}; no rate in the limit"
        space = self.options.metric
        return Measurement.of(metric, slope, study, space=space, method=method, solver="least squares", scope="data")

    def _test(self, study: Study, reals: Sequence[Samples], fakes: Sequence[Samples], side: Side) -> Iterator[Yielded]:
        permutations = self.for_run(self.options, 1).permutations
        if not permutations:
            return
        n = min(study.n, self.options.permutation_n)
        # Where no network is involved (the two sides of a pair), one test serves all snapshots.
        scope = _scope([*reals, *fakes])
        test = study.cached(
            ("exact-w test", self.options),
            lambda: self._permuted(reals, fakes, n, permutations, study.seed),
            scope=scope,
        )
        pvalue = test.pvalue
        yield Measurement.of(
            "w1_pvalue",
            pvalue,
            study,
            n=n,
            replicates=study.replicates,
            space=self.options.metric,
            method=f"{test.permutations} permutations within replicates, statistic summed over them"
            + (f"; stopped at {ENOUGH} as extreme" if test.permutations < permutations else ""),
            message=_memorisation(study),
            scope=scope,
        )
        evidence = ("w1", "w1_floor", "w1_pvalue")
        if pvalue > ALPHA:
            message = f"real and generated samples are not told apart at n = {n} (p = {pvalue:.3g})"
            yield Finding("info", "not-told-apart", f"{message}; {_memorisation(study) or 'held-out data'}", evidence)
        else:
            message = (
                f"W1 {side.value:.4g} against a floor of {side.floor:.4g}: told apart at n = {n} (p = {pvalue:.3g}, "
                f"before Holm's correction over the snapshots: w1_pvalue_holm); {side.meaning}"
            )
            yield Finding("info", "told-apart", message, evidence)

    def _below_floor(self, study: Study, fakes: Sequence[Samples], side: Side) -> Iterator[Finding]:
        """Two real samples are as near to each other as a law comes: below that, fakes are copies or averages."""
        if side.is_below:
            cause = cause_below(study, fakes) if self.options.metric == "euclidean" else either(study)
            message = (
                f"W1 {side.value:.4g} lies below its floor {side.floor:.4g} (paired over {study.replicates} "
                f"replicates, p = {side.below:.2g}): nearer to real samples than other real samples are, and no better "
                f"for it; {cause}"
            )
            yield Finding("warning", "below-floor", message, ("w1", "w1_floor"))

    def _permuted(
        self, reals: Sequence[Samples], fakes: Sequence[Samples], n: int, permutations: int, seed: int
    ) -> PermutationTest:
        from wganalyze.transport import as_points, permutation_test

        pairs = [
            (as_points(x.points[:n], "x"), as_points(y.points[:n], "y")) for x, y in zip(reals, fakes, strict=True)
        ]
        return permutation_test(
            pairs,
            permutations=permutations,
            enough=ENOUGH,
            rng=Split("permutations").rng(seed, "exact-w"),
            metric=self.options.metric,
        )


def _draws(side: Callable[..., Samples], study: Study, split: str = "x") -> list[Samples]:
    return [side(replicate=replicate, split=split) for replicate in range(study.replicates)]


def _scope(samples: Sequence[Samples]) -> Scope:
    """Of a number that these samples give."""
    return "data" if all(s.shared for s in samples) else "snapshot"


def _sweep_record(study: Study, solved: Sequence[Transport], floor: Sequence[Transport]) -> dict[str, Scalar]:
    record: dict[str, Scalar] = {"replicates": study.replicates}
    for name, side in (("w1", solved), ("floor", floor)):
        estimate = study.estimate([transport.value for transport in side].__getitem__)
        low, high = (estimate.interval.low, estimate.interval.high) if estimate.interval else (None, None)
        record |= {name: estimate.value, f"{name}_low": low, f"{name}_high": high}
    both = [*solved, *floor]
    exact = all(transport.exact for transport in both)
    return {**record, "certificate": "exact" if exact else "checked", "solver": _solvers(both)}


def _solvers(solved: Sequence[Transport]) -> str:
    """Every solver that took part."""
    return ", ".join(dict.fromkeys(transport.solver for transport in solved))


def _uncertified(metric: str, solved: Sequence[Transport], evidence: tuple[str, ...]) -> Iterator[Finding]:
    if not all(transport.exact for transport in solved):
        worst = max(solved, key=lambda t: t.gap)
        message = f"the solver left {metric} in [{worst.lower:.6g}, {worst.value:.6g}]: a bracket, no exact value"
        yield Finding("warning", "not-exact", message, evidence)


def _memorisation(study: Study) -> str:
    if study.held_out is True:
        return ""
    if study.held_out is False:
        return "training data: cannot see memorisation"
    return "it is unknown whether the generator was trained on these data; if it was, this cannot see memorisation"


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [ExactW]
