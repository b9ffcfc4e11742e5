"""The analyzer: the bracket, gradient norms where the critic was trained and where not, and what BatchNorm does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    Sentence,
    Study,
    TrainingRun,
    Yielded,
    hookimpl,
)
from wganalyze.statistics import student_t
from wganalyze_plugins import sentences
from wganalyze_plugins.lipschitz import tables
from wganalyze_plugins.lipschitz.modes import compare_modes
from wganalyze_plugins.lipschitz.order import check
from wganalyze_plugins.lipschitz.places import PLACES, distribution, sample_places
from wganalyze_plugins.lipschitz.tables import TABLES

if TYPE_CHECKING:
    from wganalyze_plugins.lipschitz.bounds.ladder import Ladder
    from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box
    from wganalyze_plugins.lipschitz.lower import Slope

GULRAJANI = "Gulrajani et al. 1704.00028, sec. 4"
BRACKET = ("lipschitz_lower", "lipschitz_sampled", "lipschitz_upper")
WEIGHT_ROUNDING = 1e-6
"""Of K: a critic of slope 1 whose weights are float32 exceeds it by 6e-8 a layer, and is an honest one."""
ONE = 1 + 1e-9
PENALTY_MISSED = 0.5
NORMALISED = 0.02
OPERATOR_NORM = 1.05


class Lipschitz(Analyzer):
    """The critic's Lipschitz constant K (L2 on its own input) as a bracket, and its gradient norms."""

    name = "lipschitz"
    needs = frozenset({Need.CRITIC})
    metrics = (
        Metric(
            "lipschitz_lower",
            "The steepest slope found between two points, in float64: K is at least this.",
            source="SCIENCE: pair slopes from samples, an ascent on a smoothed copy, and a Gaussian climb",
            headline=Headline("Lipschitz K", "K: bracket of the critic's Lipschitz constant", end="low", rank=70),
        ),
        Metric(
            "lipschitz_upper",
            "The least of the upper bounds that the critic has (table rungs): K is at most this.",
            source="Szegedy et al. 1312.6199, sec. 4.3; Combettes and Pesquet 1903.01014; Fazlyab et al. 1906.04893",
            headline=Headline("Lipschitz K", end="high", rank=70),
        ),
        Metric("lipschitz_sampled", "The steepest slope at real, generated and interpolated samples alone."),
        *(Metric(f"gradient_norm_{p}", f"Mean gradient norm at {p} samples.", source=GULRAJANI) for p in PLACES),
        Metric("auc_eval", "P(score of a real > score of a fake) in eval mode, before the sign is fixed."),
        Metric("auc_train_separate", "The same in train mode, real and fake in batches of their own."),
        Metric("auc_train_mixed", "The same in train mode, in batches that mix real and fake."),
    )
    tables = TABLES

    @dataclass(frozen=True)
    class Options:
        samples: int = field(default=512, metadata={"help": "Samples per replicate for gradient norms, at most."})
        steps: int = field(default=60, metadata={"help": "Steps of each ascent; 0 leaves ascents out."})
        seconds: float | None = field(
            default=None, metadata={"help": "Seconds for the search of slopes, at most; none: what its steps take."}
        )
        domain: Literal["global", "box"] = field(
            default="global",
            metadata={"help": "Of slopes between any two points, or of those in the box that the samples fill."},
        )
        product_only: bool = field(
            default=False, metadata={"help": "Of the upper bounds only the product of norms, the fastest one."}
        )

        def __post_init__(self) -> None:
            if self.samples < 2 or self.steps < 0:
                raise ValueError("samples is at least 2, steps not negative")
            if self.seconds is not None and not self.seconds > 0:
                raise ValueError("seconds is above 0")

    @classmethod
    def verdict(cls, run: TrainingRun, evidence: Evidence) -> Iterator[Sentence]:
        yield from sentences.slope(run, evidence)

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield gradient norms, the bracket with its tables, and the effect of BatchNorm's mode."""
        from wganalyze_plugins.lipschitz.slopes import find_slopes, no_function_of_one_sample, slope_at
        from wganalyze_plugins.lipschitz.upper import traced_critic, upper_end

        places = sample_places(study, self.options.samples)
        yield from _gradients(study, places)
        there = {place: samples for place, samples in places.items() if not isinstance(samples, str)}
        if not there:
            raise NotMeasurable(f"neither data nor a generator: no point to look at ({study.lacks(Need.REAL)})")
        if reason := no_function_of_one_sample(study, next(iter(there.values()))[0]):
            yield from (Measurement.absent(metric, reason) for metric in BRACKET)
        else:
            traced = traced_critic(study)
            graph = None if isinstance(traced, str) else traced
            box = _box(study, there) if self.options.domain == "box" else None
            slopes = find_slopes(study, there, graph, self.options.steps, self.options.seconds, box)
            upper = upper_end(study, product_only=self.options.product_only, box=box)
            if not isinstance(upper, str) and upper.best.place is not None:
                slopes = [*slopes, slope_at(study, there, upper.best.place, box)]
            yield from _bracket(study, slopes, upper, box)
        yield from compare_modes(study)


def _gradients(study: Study, places: dict[str, list[Samples] | str]) -> Iterator[Yielded]:
    import numpy as np

    records = []
    without = study.lacks(Need.GRADIENT)
    for place, samples in places.items():
        metric = f"gradient_norm_{place}"
        if isinstance(samples, str) or without:
            yield Measurement.absent(metric, samples if isinstance(samples, str) else without)
            continue
        norms = [np.linalg.norm(study.gradient(s), axis=1) for s in samples]
        together = np.concatenate(norms)
        bad = int((~np.isfinite(together)).sum())
        if bad:
            reason = f"the gradient is NaN or infinite at {bad} of {len(together)} samples"
            yield Measurement.absent(metric, reason)
            continue
        # Without data there is one sample, of a size of its own, and no replicates for the study to count.
        estimate = student_t([float(each.mean()) for each in norms])
        records.append(distribution(place, together))
        yield Measurement.of(
            metric,
            estimate,
            study,
            n=len(samples[0]),
            mode="eval",
            method="mean of autograd norms, float32",
            message=study.critic_note,
        )
        penalty = study.snapshot.penalty
        if place == "interpolate" and penalty and abs(estimate.value - 1) > PENALTY_MISSED:
            message = (
                f"on interpolates the mean gradient norm is {estimate.value:.3g}, where a gradient penalty of weight "
                f"{penalty:g} wants 1: the critic is not what its penalty asks for"
            )
            yield Finding("warning", "penalty-missed", message, (metric,))
    yield Rows("gradients", records)


def _box(study: Study, places: Mapping[str, Sequence[Samples]]) -> Box:
    """The range of each coordinate over all samples."""
    from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box
    from wganalyze_plugins.lipschitz.slopes import points_of

    return Box.around(points_of(study, Samples.concatenate([each for some in places.values() for each in some])))


def _bracket(study: Study, slopes: Sequence[Slope], upper: Ladder | str, box: Box | None = None) -> Iterator[Yielded]:
    best = max(slopes, key=lambda slope: slope.value)
    if not isinstance(upper, str):
        check(best, upper.best)
    # What a program computes inside, and how it rounds there, is not seen.
    certificate = "none" if study.lacks(Need.GRADIENT) else "checked"
    where = "" if box is None else f", in the box of the samples, {box}"
    yield _end(study, "lipschitz_lower", best.value, best.method + where, certificate)
    yield _end(study, "lipschitz_sampled", slopes[0].value, slopes[0].method + where, certificate)
    yield Rows("slopes", [{"method": slope.method, "slope": slope.value} for slope in slopes])
    if best.ends is not None:
        first, second = (end.flatten().tolist() for end in best.ends)
        pairs = enumerate(zip(first, second, strict=True))
        yield Rows("witness", [{"coordinate": place, "first": a, "second": b} for place, (a, b) in pairs])
    if isinstance(upper, str):
        yield Measurement.absent("lipschitz_upper", upper)
    else:
        top = upper.best
        yield _end(study, "lipschitz_upper", top.value, top.method + where, top.certificate)
        yield Rows("layers", [tables.layer(position, stage) for position, stage in enumerate(upper.product.stages)])
        yield Rows("segments", tables.segments(upper.product.stages))
        yield Rows("rungs", [tables.rung(rung) for rung in upper.rungs])
    yield from _findings(study, best, upper, where)


def _end(study: Study, metric: str, value: float, method: str, certificate: str) -> Measurement:
    return Measurement(
        metric,
        value,
        space=study.space,
        mode="eval",
        method=method,
        certificate=certificate,
        message=study.critic_note,
    )


def _findings(study: Study, best: Slope, upper: Ladder | str, where: str) -> Iterator[Finding]:
    scores = study.head.output == "score"
    if scores and best.value > 1 + WEIGHT_ROUNDING:
        constant = f"{best.value:.3g}" if best.value > 1.01 else f"1 + {best.value - 1:.2g}"
        message = (
            f"the critic is not 1-Lipschitz: a slope of {constant} exists ({best.method}), "
            "so its loss is no lower bound of W1 until it is divided by K"
        )
        yield Finding("warning", "not-1-lipschitz", message, ("lipschitz_lower",))
    if isinstance(upper, str):
        return
    if scores and upper.best.value <= ONE:
        message = (
            f"the critic is 1-Lipschitz{where}: K is at most {upper.best.value:.3g} ({upper.best.certificate}); "
            "its loss is a lower bound of W1"
        )
        yield Finding("info", "1-lipschitz", message, ("lipschitz_upper",))
    stages = upper.product.stages
    vacuous = [stage.layer for stage in stages if stage.vacuous]
    if vacuous:
        message = f"the upper bound is true and of no use: {', '.join(vacuous)} can stretch by max|gamma| / sqrt(eps)"
        yield Finding("info", "vacuous-bound", message, ("lipschitz_upper",))
    loose = [
        f"{stage.layer} ({stage.bracket.lower:.3g})"
        for stage in stages
        if stage.kernel_norm is not None
        and abs(stage.kernel_norm - 1) < NORMALISED
        and stage.bracket.lower > OPERATOR_NORM
    ]
    if loose:
        message = f"kernels normalised to 1 as matrices are operators of larger norm: {', '.join(loose)}"
        yield Finding("info", "kernel-is-no-operator", message, ("lipschitz_upper",))


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [Lipschitz]
