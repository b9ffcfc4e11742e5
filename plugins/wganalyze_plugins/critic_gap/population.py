"""A lower bound of the distance of the laws themselves: the loss on held-out samples over an upper end of K."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from wganalyze import Measurement, Study
from wganalyze.statistics import student_t

POPULATION = ("dual_lipschitz", "w1_population_lower")
TRAINED_ON = "measured on training data, which the critic knows: its loss there says nothing of the laws"


def population(study: Study, raws: Sequence[float]) -> Iterator[Measurement]:
    """Both rows, by the upper bounds that are quickly found."""
    if study.held_out is False:
        yield from (Measurement.absent(metric, TRAINED_ON) for metric in POPULATION)
        return
    from wganalyze_plugins.lipschitz.upper import quick_end

    end = quick_end(study)
    reason = end if isinstance(end, str) else "K_upper is 0" if end.value == 0 else ""
    if isinstance(end, str) or reason:
        yield from (Measurement.absent(metric, f"no upper end of K: {reason}") for metric in POPULATION)
        return
    scaled = student_t([raw / end.value for raw in raws])
    how = f"K_upper = {end.value:.4g} ({end.method}, {end.certificate})"
    unknown = "it is unknown whether the critic was trained on these data; if it was, this bounds nothing"
    message = "; ".join(filter(None, (study.critic_note, "" if study.held_out else unknown)))
    said = {"space": "euclidean", "mode": "eval", "message": message}
    yield Measurement.of("dual_lipschitz", scaled, study, method=how, **said)  # type: ignore[arg-type]
    if scaled.interval is None:
        yield Measurement.absent("w1_population_lower", "an interval takes 3 replicates")
        return
    least = max(0.0, scaled.interval.low, -scaled.interval.high)
    bound = replace(scaled, value=least, interval=None, values=())
    method = f"nearer end of the interval of dual_lipschitz ({scaled.interval.method}), {how}"
    yield Measurement.of("w1_population_lower", bound, study, method=method, **said)  # type: ignore[arg-type]
