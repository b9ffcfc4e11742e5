"""What was loaded: the values on both sides, and what the generator's mode changes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Literal

from wganalyze import (
    Analyzer,
    Finding,
    Measurement,
    Metric,
    Need,
    Points,
    Samples,
    Scope,
    Study,
    WganalyzeError,
    Yielded,
    hookimpl,
)

CLASH = 0.1
"""The share of the generator's range by which reals may go beyond it at each end."""
NEAR, PILE, PILED = 0.02, 0.002, 8
"""Values pile up at an end where a share of PILE, and PILED of them, are as near to it, in units of the range."""
BEYOND = 9
"""Samples of one side that reach beyond the other at one end: for equal laws with probability 2^-9 at most, by chance;
twice two sides and ends are below 1%."""
BOUNDED = {
    "Tanh": (-1, 1), "Sigmoid": (0, 1), "Hardsigmoid": (0, 1), "Softsign": (-1, 1), "ReLU6": (0, 6), "Softmax": (0, 1),
}  # fmt: skip
"""Functions with the range that none of their values leaves."""
SHAPING = frozenset({"Flatten", "Unflatten", "Identity", "Dropout", "PixelShuffle", "Upsample"})
N_WITHOUT_DATA = 500
BATCH = 256
"""Samples that a generator makes at once."""
EXTREMES = ("real_min", "real_max", "fake_min", "fake_max")
MODES: tuple[Literal["eval", "train"], ...] = ("eval", "train")


class SnapshotAnalyzer(Analyzer):
    """What was loaded: ranges of real and generated values (do they clash?), and what the generator's mode changes."""

    name = "snapshot"
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

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield the effect of the generator's mode, the extremes of both sides, and whether they clash."""
        _look_at_the_critic(study)
        yield _mode_change(study)
        sides: dict[str, Samples] = {}
        for side, need in (("real", Need.REAL), ("fake", Need.FAKE)):
            if reason := study.lacks(need):
                yield from (Measurement.absent(f"{side}_{end}", reason) for end in ("min", "max"))
            else:
                sides[side] = study.real() if side == "real" else study.fake(_size(study))
                yield from _extremes(study, side, sides[side])
        if len(sides) < 2:
            yield Measurement.absent("real_out_of_reach", study.lacks(Need.REAL) or study.lacks(Need.FAKE))
            return
        real, fake = sides["real"].points, sides["fake"].points
        outside, scope = _out_of_reach(real, fake), _scope(*sides.values())
        yield Measurement.of("real_out_of_reach", outside, study, n=len(real), method="share of values", scope=scope)
        # A law without bounds is out of reach of any tanh.
        if study.has(Need.GENERATOR) and study.data_size is not None:
            yield from _clash(study, real, fake, outside)


def _size(study: Study) -> int | None:
    """How many samples to generate; None: as many as there are real ones."""
    return None if study.has(Need.REAL) else N_WITHOUT_DATA


def _scope(*samples: Samples) -> Scope:
    return "data" if all(s.shared for s in samples) else "snapshot"


def _extremes(study: Study, side: str, samples: Samples) -> Iterator[Measurement]:
    for end, value in (("min", samples.points.min()), ("max", samples.points.max())):
        yield Measurement.of(
            f"{side}_{end}",
            float(value),
            study,
            n=len(samples),
            dim=samples.dim,
            method="extreme",
            scope=_scope(samples),
        )


def _out_of_reach(real: Points, fake: Points) -> float:
    """Share of the real values that lie beyond the generated ones, by more than the margin."""
    low, high = _reach(fake)
    return float(((real < low) | (real > high)).mean())


def _reach(fake: Points) -> tuple[float, float]:
    """The range of generated values, with a margin: a background at exactly -1 is in reach of a tanh up to -.999."""
    low, high = float(fake.min()), float(fake.max())
    margin = CLASH * (high - low)
    return low - margin, high + margin


def _clash(study: Study, real: Points, fake: Points, outside: float) -> Iterator[Finding]:
    """Do real and generated values live on different scales? ``outside``: share of real ones that are out of reach.

    Extremes of equal laws differ too where tails are heavy: said where BEYOND samples or more go beyond one end, in
    less than 1% of all runs for a perfect generator. Only an output that is bounded ends anywhere.
    """
    (low, high), (real_low, real_high) = ((float(side.min()), float(side.max())) for side in (fake, real))
    bounded = _is_bounded(study, fake)
    evidence: tuple[str, ...] = EXTREMES
    if outside:
        reach = _reach(fake)
        if not _goes_beyond(real, *reach):
            return
        stuck = (real_high > reach[1] and _piles_up(fake, high)) or (real_low < reach[0] and _piles_up(fake, low))
        advised = bounded and stuck
        ends = "the generator ends at" if advised else "generated ones"
        span = f"real values span [{real_low:.3g}, {real_high:.3g}], {ends} [{low:.3g}, {high:.3g}]"
        told = ", and the critic can tell them by range alone" if advised else ""
        beyond = f"{100 * outside:.3g}% of the real values lie beyond{told}"
        evidence = (*EXTREMES, "real_out_of_reach")
    elif high - low > (1 + 2 * CLASH) * (real_high - real_low) and _goes_beyond(fake, real_low, real_high):
        advised = bounded
        if bounded:
            span = f"the generator fills [{low:.3g}, {high:.3g}], real values only [{real_low:.3g}, {real_high:.3g}]"
        else:
            span = f"generated values span [{low:.3g}, {high:.3g}], real ones only [{real_low:.3g}, {real_high:.3g}]"
        beyond = "the two live on different scales"
    else:
        return
    advice = "; check --range or --normalize" if advised else ""
    yield Finding("warning" if advised else "info", "range-clash", f"{span}: {beyond}{advice}", evidence)


def _goes_beyond(points: Points, low: float, high: float) -> bool:
    """Are there BEYOND samples or more with a value below ``low``, or as many with one above ``high``?"""
    below, above = (points.min(axis=1) < low).sum(), (points.max(axis=1) > high).sum()
    return bool(max(below, above) >= BEYOND)


def _is_bounded(study: Study, fake: Points) -> bool:
    """Does the generator end with a function that is bounded, or do its values pile up at both ends, as clamped do?"""
    from torch.nn import Module

    low, high = float(fake.min()), float(fake.max())
    generator = study.snapshot.generator
    modules = generator.modules() if isinstance(generator, Module) else ()  # one without gradients is a callable
    leaves = [module for module in modules if not any(True for _ in module.children())]
    # The order is that of making, which need not be that of calling: values outside show that it is not the last.
    last = next((module for module in reversed(leaves) if _name(module).rstrip("123d") not in SHAPING), None)
    least, most = BOUNDED.get(_name(last), (getattr(last, "min_val", math.inf), getattr(last, "max_val", -math.inf)))
    return (least <= low and high <= most) or all(_piles_up(fake, end) for end in (low, high))


def _name(module: object) -> str:
    return type(module).__name__


def _mode_change(study: Study) -> Measurement:
    if reason := study.lacks(Need.GENERATOR):
        return Measurement.absent("generator_mode_change", reason)
    evaluated, trained = (study.fake(_size(study), mode=mode).points.astype(float) for mode in MODES)
    spread = float(evaluated.std())
    if not spread:
        return Measurement.absent("generator_mode_change", "all generated values are equal")
    change = float(((trained - evaluated) ** 2).mean()) ** 0.5 / spread
    return Measurement.of(
        "generator_mode_change", change, study, n=len(trained), mode="train", method=f"batches of {BATCH}"
    )


def _piles_up(points: Points, end: float) -> bool:
    """Do many values stand at this end of the range, as at that of a tanh which would go further?"""
    near = abs(points - end) <= NEAR * float(points.max() - points.min())
    return bool(near.mean() >= PILE and near.sum() >= PILED)


def _look_at_the_critic(study: Study) -> None:
    """Ask for the critic and its orientation, so that what they assume goes on record even where nobody else asks.

    One that cannot be made ready says so where its numbers are wanted.
    """
    with suppress(WganalyzeError):
        if study.has(Need.CRITIC):
            _ = study.head
            if study.has(Need.REAL) and study.has(Need.FAKE):
                _ = study.orientation


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [SnapshotAnalyzer]
