"""What was loaded: the values on both sides, and everything that had to be assumed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from wganalyze.contracts.analyzer import Analyzer
from wganalyze.contracts.hooks import hookimpl
from wganalyze.contracts.measurement import Finding, Measurement, Metric, Yielded
from wganalyze.contracts.study import Need
from wganalyze.errors import WganalyzeError

if TYPE_CHECKING:
    from wganalyze.contracts.samples import Points, Samples
    from wganalyze.study.study import SnapshotStudy

CLASH = 0.1
NEAR, PILE = 0.02, 0.002
"""The share of the generator's range by which reals may go beyond it at each end."""
N_WITHOUT_DATA = 500
BATCH = 256
"""Samples that a generator makes at once."""


class SnapshotAnalyzer(Analyzer):
    """What was loaded: ranges of real and generated values (do they clash?), and what was assumed on the way."""

    name = "snapshot"
    reports_loading = True
    metrics = (
        Metric("real_min", "Smallest value of the real samples in the critic's input space."),
        Metric("real_max", "Largest value of the real samples in the critic's input space."),
        Metric("fake_min", "Smallest value of the generated samples."),
        Metric("fake_max", "Largest value of the generated samples."),
        Metric(
            "real_out_of_reach", "Share of real values beyond the range of generated ones by over a tenth of its width."
        ),
        Metric(
            "generator_mode_change",
            "Root mean square difference between samples in train and eval mode from the same z, over the deviation of "
            "those in eval mode: what BatchNorm's mode and dropout change.",
        ),
    )

    def measure(self, study: SnapshotStudy) -> Iterator[Yielded]:
        for text in _assumptions(study):
            guessed = "architecture inferred" in text
            yield Finding("warning" if guessed else "info", "inferred" if guessed else "assumed", f"assumed: {text}")
        yield from study.snapshot.findings
        yield _mode_change(study)
        ends: dict[str, tuple[float, float]] = {}
        samples: dict[str, Samples] = {}
        for side, need in (("real", Need.REAL), ("fake", Need.FAKE)):
            if reason := study.lacks(need):
                for end in ("min", "max"):
                    yield Measurement.absent(f"{side}_{end}", reason)
                continue
            samples[side] = study.real() if side == "real" else study.fake(None if study.deal else N_WITHOUT_DATA)
            points = samples[side].points
            ends[side] = float(points.min()), float(points.max())
            for end, value in zip(("min", "max"), ends[side], strict=True):
                yield Measurement(
                    f"{side}_{end}",
                    value,
                    n=len(points),
                    dim=samples[side].dim,
                    space=study.space,
                    method="extreme",
                )
        if len(ends) < 2:
            yield Measurement.absent("real_out_of_reach", study.lacks(Need.REAL) or study.lacks(Need.FAKE))
            return
        (low, high), (real_low, real_high) = ends["fake"], ends["real"]
        points = samples["real"].points
        # A margin, since a background at exactly -1 is in reach of a tanh that got to -.999.
        margin = CLASH * (high - low)
        outside = float(((points < low - margin) | (points > high + margin)).mean())
        yield Measurement("real_out_of_reach", outside, n=len(points), space=study.space, method="share of values")
        if study.lacks(Need.GENERATOR) or study.deal is None or study.deal.source.size is None:
            return  # a law without bounds is out of reach of any tanh
        if outside:
            fakes = samples["fake"].points
            stuck = (real_high > high + margin and _piles_up(fakes, high)) or (
                real_low < low - margin and _piles_up(fakes, low)
            )
            span = f"real values span [{real_low:.3g}, {real_high:.3g}], the generator ends at [{low:.3g}, {high:.3g}]"
            beyond = f"{100 * outside:.3g}% of the real values lie beyond, and the critic can tell them by range alone"
            yield Finding(
                "warning" if stuck else "info",
                "range-clash",
                f"{span}: {beyond}; "
                + ("check --range or --normalize" if stuck else "a generator early in its training does so too"),
                ("real_min", "real_max", "fake_min", "fake_max", "real_out_of_reach"),
            )
        elif high - low > (1 + 2 * CLASH) * (real_high - real_low):
            yield Finding(
                "warning",
                "range-clash",
                f"the generator fills [{low:.3g}, {high:.3g}], real values only [{real_low:.3g}, {real_high:.3g}]: "
                "the two live on different scales; check --range or --normalize",
                ("real_min", "real_max", "fake_min", "fake_max"),
            )


def _mode_change(study: SnapshotStudy) -> Measurement:
    if reason := study.lacks(Need.GENERATOR):
        return Measurement.absent("generator_mode_change", reason)
    n = None if study.deal else N_WITHOUT_DATA
    evaluated, trained = (study.fake(n, mode=mode).points.astype(float) for mode in ("eval", "train"))
    spread = float(evaluated.std())
    if not spread:
        return Measurement.absent("generator_mode_change", "all generated values are equal")
    change = float(((trained - evaluated) ** 2).mean()) ** 0.5 / spread
    return Measurement(
        "generator_mode_change", change, n=len(trained), space=study.space, mode="train", method=f"batches of {BATCH}"
    )


def _piles_up(points: Points, end: float) -> bool:
    """Do many values stand at this end of the range, as at that of a tanh which would go further?"""
    near = abs(points - end) <= NEAR * float(points.max() - points.min())
    return bool(near.mean() >= PILE)


def _assumptions(study: SnapshotStudy) -> tuple[str, ...]:
    """All assumptions, those about the critic included, whichever analyzers came before."""
    with suppress(WganalyzeError):
        if study.has(Need.CRITIC):
            _ = study.head
            if study.has(Need.REAL) and study.has(Need.FAKE):
                _ = study.orientation
    return study.assumptions


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [SnapshotAnalyzer]
