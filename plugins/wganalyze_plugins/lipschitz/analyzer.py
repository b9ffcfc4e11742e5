"""The analyzer: the bracket, gradient norms where the critic was trained and where not, and what BatchNorm does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
    Table,
    TrainingRun,
    WganalyzeError,
    Yielded,
    hookimpl,
)
from wganalyze.statistics import student_t
from wganalyze_plugins import sentences
from wganalyze_plugins.lipschitz.modes import compare_modes
from wganalyze_plugins.lipschitz.places import PLACES, QUANTILES, distribution, sample_places

if TYPE_CHECKING:
    from wganalyze_plugins.lipschitz.lower import Slope
    from wganalyze_plugins.lipschitz.tracing import TracedCritic
    from wganalyze_plugins.lipschitz.upper import Stage, UpperBound

GULRAJANI = "Gulrajani et al. 1704.00028, sec. 4"
BRACKET = ("lipschitz_lower", "lipschitz_sampled", "lipschitz_upper")
WEIGHT_ROUNDING = 1e-6
"""Of K: a critic of slope 1 whose weights are float32 exceeds it by 6e-8 a layer, and is an honest one."""
ONE = 1 + 1e-9
PENALTY_MISSED = 0.5
NORMALISED = 0.02
OPERATOR_NORM = 1.05


class BracketError(WganalyzeError):
    """A slope that exists is steeper than the upper bound allows: one of the two is computed wrongly."""


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
            "The product of the operator norms of the critic's layers: K is at most this.",
            source="Szegedy et al. 1312.6199, sec. 4.3",
            headline=Headline("Lipschitz K", end="high", rank=70),
        ),
        Metric("lipschitz_sampled", "The steepest slope at real, generated and interpolated samples alone."),
        *(Metric(f"gradient_norm_{p}", f"Mean gradient norm at {p} samples.", source=GULRAJANI) for p in PLACES),
        Metric("auc_eval", "P(score of a real > score of a fake) in eval mode, before the sign is fixed."),
        Metric("auc_train_separate", "The same in train mode, real and fake in batches of their own."),
        Metric("auc_train_mixed", "The same in train mode, in batches that mix real and fake."),
    )
    tables = (
        Table(
            "layers",
            "One row per factor of the upper bound: affine chains as one operator, other layers by their rule.",
            {
                "position": "int64",
                "layer": "string",
                "kind": "string",
                "shape_in": "string",
                "shape_out": "string",
                "norm_lower": "float64",
                "norm_upper": "float64",
                "method": "string",
                "certificate": "string",
                "kernel_norm": "float64",
            },
        ),
        Table(
            "slopes",
            "One row per method that looked for a steep slope.",
            {"method": "string", "slope": "float64"},
        ),
        Table(
            "gradients",
            "The distribution of gradient norms by place, over all replicates.",
            {
                "place": "string",
                "count": "int64",
                "mean": "float64",
                "deviation": "float64",
                "least": "float64",
                **dict.fromkeys(QUANTILES, "float64"),
                "largest": "float64",
            },
        ),
    )

    @dataclass(frozen=True)
    class Options:
        samples: int = field(default=512, metadata={"help": "Samples per replicate for gradient norms, at most."})
        steps: int = field(default=60, metadata={"help": "Steps of each ascent; 0 leaves ascents out."})
        seconds: float | None = field(
            default=None, metadata={"help": "Seconds for the search of slopes, at most; none: what its steps take."}
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
        from wganalyze_plugins.lipschitz.slopes import find_slopes, no_function_of_one_sample

        places = sample_places(study, self.options.samples)
        yield from _gradients(study, places)
        there = {place: samples for place, samples in places.items() if not isinstance(samples, str)}
        if not there:
            raise NotMeasurable(f"neither data nor a generator: no point to look at ({study.lacks(Need.REAL)})")
        if reason := no_function_of_one_sample(study, next(iter(there.values()))[0]):
            yield from (Measurement.absent(metric, reason) for metric in BRACKET)
        else:
            traced = _traced(study)
            graph = None if isinstance(traced, str) else traced
            slopes = find_slopes(study, there, graph, self.options.steps, self.options.seconds)
            yield from _bracket(study, slopes, _upper(study, traced))
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


def _traced(study: Study) -> TracedCritic | str:
    """The critic's graph, or why there is none."""
    from wganalyze_plugins.lipschitz.tracing import trace

    if reason := study.lacks(Need.GRADIENT):
        return reason
    if study.head.latent.classes:
        return "a conditional critic: the bound of its layers has no rule for labels"
    try:
        return trace(study.critic, study.critic_shape, study.device)
    except NotMeasurable as error:
        return str(error)


def _upper(study: Study, traced: TracedCritic | str) -> UpperBound | str:
    from wganalyze_plugins.lipschitz.upper import product_bound

    if isinstance(traced, str):
        return traced
    if study.head.invert:
        return "the final sigmoid is part of the critic's code and cannot be cut: its logit has no bound"
    try:
        return product_bound(traced)
    except NotMeasurable as reason:
        return str(reason)


def _bracket(study: Study, slopes: Sequence[Slope], upper: UpperBound | str) -> Iterator[Yielded]:
    best = max(slopes, key=lambda slope: slope.value)
    if not isinstance(upper, str) and best.value > upper.value * ONE:
        raise BracketError(
            f"a slope of {best.value:.9g} ({best.method}) is steeper than the upper bound {upper.value:.9g}: "
            "a fault of wganalyze, or a critic that is random in eval mode; please report it"
        )
    # What a program computes inside, and how it rounds there, is not seen.
    certificate = "none" if study.lacks(Need.GRADIENT) else "checked"
    yield _end(study, "lipschitz_lower", best.value, best.method, certificate)
    yield _end(study, "lipschitz_sampled", slopes[0].value, slopes[0].method, certificate)
    yield Rows("slopes", [{"method": slope.method, "slope": slope.value} for slope in slopes])
    if isinstance(upper, str):
        yield Measurement.absent("lipschitz_upper", upper)
    else:
        method = f"product of norms along the graph, {len(upper.stages)} factors"
        yield _end(study, "lipschitz_upper", upper.value, method, upper.certificate)
        yield Rows("layers", [_row(position, stage) for position, stage in enumerate(upper.stages)])
    yield from _findings(study, best, upper)


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


def _row(position: int, stage: Stage) -> dict[str, float | int | str | None]:
    return {
        "position": position,
        "layer": stage.layer,
        "kind": stage.kind,
        "shape_in": "x".join(map(str, stage.shape_in)),
        "shape_out": "x".join(map(str, stage.shape_out)),
        "norm_lower": stage.bracket.lower,
        "norm_upper": stage.bracket.upper,
        "method": stage.bracket.method,
        "certificate": stage.bracket.certificate,
        "kernel_norm": stage.kernel_norm,
    }


def _findings(study: Study, best: Slope, upper: UpperBound | str) -> Iterator[Finding]:
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
    if scores and upper.value <= ONE:
        message = (
            f"the critic is 1-Lipschitz: K is at most {upper.value:.3g} ({upper.certificate}); "
            "its loss is a lower bound of W1"
        )
        yield Finding("info", "1-lipschitz", message, ("lipschitz_upper",))
    vacuous = [stage.layer for stage in upper.stages if stage.vacuous]
    if vacuous:
        message = f"the upper bound is true and of no use: {', '.join(vacuous)} can stretch by max|gamma| / sqrt(eps)"
        yield Finding("info", "vacuous-bound", message, ("lipschitz_upper",))
    loose = [
        f"{stage.layer} ({stage.bracket.lower:.3g})"
        for stage in upper.stages
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
