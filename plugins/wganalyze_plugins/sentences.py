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
        text = f"Told apart from the data{_when(w1)}: {sizes} (n = {w1['n']:.0f})"
        # Where the intervals meet, even the sign of the difference is not known.
        if floor["value"] > 0 and not (w1["ci_low"] <= floor["ci_high"] and floor["ci_low"] <= w1["ci_high"]):
            text += f", {w1['value'] / floor['value'] - 1:+.0%}"
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
    raw, ratio = (evidence.row(f"critic-gap.{name}", run) for name in ("dual_raw", "dual_ratio"))
    known = _optional("dual_ratio_known", run, evidence)
    if known is not None and "dual-above-w1" not in found:
        text = _against_known(raw["value"], ratio["value"], known, raw["n"], found)
    else:
        sampling = _optional("w1_floors", run, evidence)
        if sampling is None and "dual-above-w1" not in found:
            return
        text = _worth(raw["value"], ratio["value"], sampling or 0.0, raw["n"], found, _steepness(run, evidence))
    text = f"{text}{_scale(run, evidence, found)}{_tracking(run, evidence)}."
    yield Sentence(text, 30, ("dual_raw", "dual_ratio", "w1_floors", "gradient_norm_transport"))


STEEP = 1.5
"""Slope between matched samples from which on a loss is that of a scale of its own; that of a potential is 1."""


ALLOWED = 1.1
"""Of the slope that a gradient penalty inflates to, W1 of the samples apart: what is told as its doing."""


def _worth(
    raw: float, ratio: float, sampling: float, n: float, found: Mapping[str, str], steepness: tuple[float, str]
) -> str:
    """``sampling``: what of W1 it may add; the W1 of the laws themselves is below the samples' by so much at most."""
    w1 = raw / ratio if ratio else math.inf
    slope, hidden = steepness
    if "dual-above-w1" in found:
        if ratio > 1:
            return f"The critic's loss overstates the distance: {raw:.4g}, {ratio:.4g} times the W1 of the same samples"
        return f"The critic's loss, {raw:.4g}, is no lower bound of the distance: of one sample it is above W1"
    if "dual-below-w1" in found or "dual-against-known" in found:
        least = f"{max(0.0, w1 - sampling):.4g} at least without what sampling adds"
        return f"The critic's loss is no distance: {raw:.4g}, where the W1 of the samples is {w1:.4g}, and {least}"
    if slope > STEEP and raw > 0:
        return (
            f"The critic's loss, {raw:.4g}, is not to scale: its mean gradient norm between matched samples is "
            f"{slope:.3g}, and 1 in a critic that computes W1{hidden}; at slope 1 it would be {raw / slope:.3g}"
        )
    if raw < w1 - sampling:  # and no finding says so
        return f"The critic's loss is {raw:.4g}, below what W1 is at least ({w1 - sampling:.4g}), which may be chance"
    if w1 > sampling:
        return f"The critic's loss, {raw:.4g}, agrees with a W1 between {w1 - sampling:.4g} and {w1:.4g}"
    return f"The critic's loss is {raw:.4g}; whether W1 itself is that small, {n:.0f} samples cannot tell"


def _against_known(raw: float, ratio: float, known: float, n: float, found: Mapping[str, str]) -> str:
    """``known``: the loss over the true W1."""
    truth = raw / known if known else math.inf
    if "dual-against-known" in found:
        return f"The critic's loss is no distance: {raw:.4g}, {known:.0%} of the true W1 {truth:.4g}"
    text = f"The critic's loss, {raw:.4g}, is within a tenth of the true W1 {truth:.4g}, or within chance"
    if "right-for-the-laws" in found:
        sampling = 1 - truth * ratio / raw
        part = "nearly all" if sampling > 0.9 else f"{sampling:.0%}"
        text = (
            f"The critic's loss, {raw:.4g}, is the W1 of the laws ({truth:.4g}); that of {n:.0f} samples is "
            f"{raw / ratio:.4g}, {part} of it sampling"
        )
    return text


def _steepness(run: TrainingRun, evidence: Evidence) -> tuple[float, str]:
    """The mean slope between matched samples (0 where it was not measured), and what BatchNorm hid of it."""
    slope = _optional("gradient_norm_transport", run, evidence) or 0.0
    predicted, gap = (_optional(name, run, evidence) for name in ("dual_predicted", "gap"))
    raw = _optional("dual_raw", run, evidence)
    if predicted and gap is not None and raw is not None and slope <= ALLOWED * predicted / (raw + gap):
        return slope, f" (its gradient penalty lets it have {predicted / (raw + gap):.3g})"
    trained = _optional("gradient_norm_train", run, evidence)
    if trained is None or "penalty-hidden-by-batch-norm" not in evidence.found("critic-gap", run):
        return slope, ""
    return slope, (
        f" (its gradient penalty saw {trained:.3g}: that was in train mode, where its BatchNorm makes another function "
        "of it)"
    )


def _scale(run: TrainingRun, evidence: Evidence, found: Mapping[str, str]) -> str:
    if "under-scaled" not in found:
        return ""
    scale, best = (_optional(name, run, evidence) for name in ("best_scale", "dual_c_best_scale"))
    if scale is None or best is None:
        return ""
    zero = _optional("dual_zero", run, evidence)
    nothing = "" if zero is None else f", where f = 0 certifies {zero:.4g}"
    return f"; its scale is too small: {scale:.3g} times the critic certifies {best:.4g}{nothing}"


def _optional(name: str, run: TrainingRun, evidence: Evidence) -> float | None:
    try:
        return float(evidence.row(f"critic-gap.{name}", run)["value"])
    except NotMeasurable:
        return None


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
        testable = evidence.row("coverage.modes_testable", run)
        text = "whether parts of the data are lost, so few samples cannot tell"
        if count := testable["value"]:
            seen = f"no part of the data is seen to be lost{_when(testable)}"
            text = f"{seen}, of the {count:.0f} that are large enough to tell"
    yield Sentence(f"{text[0].upper()}{text[1:]}.", 50, ("modes_missing", "modes_underserved", "modes_reached_loose"))


def _when(row: pd.Series[Any]) -> str:
    """At which step; nothing of a snapshot without one."""
    step = row["step"]
    return "" if step != step else f" at {row['step_unit'] or 'step'} {step:.0f}"


def _interval(row: pd.Series[Any]) -> str:
    low, high = row["ci_low"], row["ci_high"]
    return "" if low != low else f" [{low:.4g}, {high:.4g}]"
