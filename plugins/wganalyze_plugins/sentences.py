"""What the built-in analyzers say of a training run: the sentences of its verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wganalyze import Evidence, NotMeasurable, Sentence, TrainingRun

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 5
"""Steps from which on even a perfect order is beyond chance."""
LEVEL = 0.05


def distance(run: TrainingRun, evidence: Evidence) -> Iterator[Sentence]:
    """How far the last snapshot is from the data."""
    w1, floor = (evidence.row(f"exact-w.{name}", run) for name in ("w1", "w1_floor"))
    found = evidence.found("exact-w", run)
    sizes = f"W1 {w1['value']:.4g}{_interval(w1)} against {floor['value']:.4g} between two real samples"
    if "below-floor" in found:
        text = f"Nearer to real samples{_when(w1)} than other real samples are, as copies and averages are: {sizes}"
    elif "not-told-apart" in found:
        text = f"Not told apart from the data{_when(w1)}, by n = {w1['n']:.0f} samples a side: {sizes}"
    else:
        more = w1["value"] / floor["value"] - 1 if floor["value"] > 0 else 0.0
        text = f"Told apart from the data{_when(w1)}: {sizes} (n = {w1['n']:.0f}), {more:+.0%}"
    yield Sentence(f"{text}.", 10, ("w1", "w1_floor", "w1_pvalue_holm"))


def memorisation(run: TrainingRun, evidence: Evidence) -> Iterator[Sentence]:
    """Does it copy what it was trained on?"""
    found = evidence.found("exact-w", run)
    names = ("copies_of_training", "copies_of_training_floor")
    if "memorised" in found:
        share, chance = (evidence.row(f"exact-w.{name}", run)["value"] for name in names)
        text = f"It has memorised: {share:.1%} of its samples are copies of a training sample, {chance:.1%} by chance."
        yield Sentence(text, 60, names)
        return
    if "training-overlaps" in found:
        yield Sentence("Memorisation is untested: it is measured on what it was trained on.", 60)
        return
    try:
        evidence.row("exact-w.copies_of_training", run)
        yield Sentence("It copies no training samples.", 60, names)
    except NotMeasurable:
        evidence.row("exact-w.w1", run)
        yield Sentence("Memorisation is untested (--training-data).", 60)


def loss(run: TrainingRun, evidence: Evidence) -> Iterator[Sentence]:
    """What the critic's loss is worth; of a discriminator it is no distance, and nothing is said."""
    found = evidence.found("critic-gap", run)
    if "discriminator" in found:
        return
    names = ("dual_raw", "dual_ratio", "w1_floors")
    raw, ratio, sampling = (evidence.row(f"critic-gap.{name}", run) for name in names)
    text = _worth(raw["value"], ratio["value"], sampling["value"], raw["n"], found)
    yield Sentence(f"{text}{_tracking(run, evidence)}.", 30, names)


def _worth(raw: float, ratio: float, sampling: float, n: float, found: Mapping[str, str]) -> str:
    """``sampling``: what of W1 it may add; the W1 of the laws themselves is below the samples' by so much at most."""
    w1 = raw / ratio if ratio else math.inf
    if "dual-above-w1" in found:
        return f"The critic's loss overstates the distance: {raw:.4g}, {ratio:.3g} times the W1 of the same samples"
    if "dual-below-w1" in found or "dual-against-known" in found:
        least = f"{max(0.0, w1 - sampling):.4g} at least without what sampling adds"
        return f"The critic's loss is no distance: {raw:.4g}, where the W1 of the samples is {w1:.4g}, and {least}"
    if w1 > sampling:
        return f"The critic's loss, {raw:.4g}, agrees with a W1 between {w1 - sampling:.4g} and {w1:.4g}"
    return f"The critic's loss is {raw:.4g}, which {n:.0f} samples can neither confirm nor refute"


def _tracking(run: TrainingRun, evidence: Evidence) -> str:
    """Whether the loss follows W1 over the steps, by Kendall's test; nothing where it might be chance."""
    from scipy.stats import kendalltau

    try:
        dual, w1 = (evidence.series(name, run) for name in ("critic-gap.dual_raw", "exact-w.w1"))
    except NotMeasurable:
        return ""
    steps = dual.index.intersection(w1.index)
    if len(steps) < FEWEST:
        return ""
    found = kendalltau(dual[steps], w1[steps])
    if not found.pvalue <= LEVEL:  # NaN, of a constant
        return ""
    return f"; over {len(steps)} steps it {'follows' if found.statistic > 0 else 'moves against'} W1"


def slope(run: TrainingRun, evidence: Evidence) -> Iterator[Sentence]:
    """Is the critic 1-Lipschitz? Of a discriminator it need not be, and nothing is said."""
    found = evidence.found("lipschitz", run)
    low = evidence.row("lipschitz.lipschitz_lower", run)["value"]
    try:
        high = float(evidence.row("lipschitz.lipschitz_upper", run)["value"])
    except NotMeasurable:
        high = math.inf
    if "not-1-lipschitz" in found:
        text = f"The critic is not 1-Lipschitz: it has a slope of {low:.4g}"
    elif "1-lipschitz" in found:
        text = f"The critic is 1-Lipschitz: no slope is above {high:.4g}"
    elif low > 1 or "discriminator" in evidence.found("critic-gap", run):
        return
    else:
        top = "" if high == math.inf else f" and at most {high:.3g}"
        text = f"Whether the critic is 1-Lipschitz is open: its constant is at least {low:.3g}{top}"
    yield Sentence(f"{text}.", 40, ("lipschitz_lower", "lipschitz_upper"))


def modes(run: TrainingRun, evidence: Evidence) -> Iterator[Sentence]:
    """What of the data it does not make."""
    found = evidence.found("coverage", run)
    lost = [found[code] for code in ("modes-lost", "modes-underserved") if code in found]
    if lost:
        text = lost[0]
    else:
        testable = evidence.row("coverage.modes_testable", run)["value"]
        text = "no part of the data is seen to be lost" if testable else "so few samples show nothing of lost modes"
    yield Sentence(f"{text[0].upper()}{text[1:]}.", 50, ("modes_missing", "modes_underserved", "modes_reached_loose"))


def _when(row: pd.Series[Any]) -> str:
    """At which step; nothing of a snapshot without one."""
    step = row["step"]
    return "" if step != step else f" at {row['step_unit'] or 'step'} {step:.0f}"


def _interval(row: pd.Series[Any]) -> str:
    low, high = row["ci_low"], row["ci_high"]
    return "" if low != low else f" [{low:.4g}, {high:.4g}]"
