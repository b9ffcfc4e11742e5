"""What the numbers of critic-gap prove: by a margin above rounding, or by a test over the replicates at LEVEL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from wganalyze import Finding, Study, Yielded
from wganalyze_plugins.critic_gap.estimates import average, mean
from wganalyze_plugins.critic_gap.pairs import Pair, implied_slope

if TYPE_CHECKING:
    from wganalyze_plugins.critic_gap.potentials import Judged

SHORT = 0.9
LEVEL = 0.01
"""Of every finding that rests on a test: how often it may be wrong, at most."""
WEIGHT_ROUNDING = 1e-6
"""Of K: a critic of slope 1 whose weights are float32 exceeds it by 6e-8 a layer, and is an honest one."""
CONSTANT = 1e-9
"""Of the largest score: a smaller spread is rounding."""
SCALED = 1.5
"""How many times larger a critic must be, and what it then certifies, to be called under-scaled."""
SHORT_OF = ("dual-below-w1", "dual-against-known")
KNOWING = 0.5
"""dual_information from which on a critic says something at any scale."""
STEEP = 1.001
NEAR = 0.8
ORDERED = 0.5
"""Rank correlation of potentials of other samples, from which on there is an order to be found."""
FAR = 1.5
"""How many times the W1 of the laws that of samples is, where the two are worlds apart."""


def findings(study: Study, pairs: Sequence[Pair], judged: Mapping[str, Sequence[Judged]]) -> Iterator[Yielded]:
    """Of the loss as a distance; of a discriminator only that it is none."""
    raws, values = [p.bounds.raw for p in pairs], [p.transport.value for p in pairs]
    implied = implied_slope(study, pairs)
    yield from _dead(study, pairs)
    if study.head.output != "score":
        message = "a discriminator: its raw dual is no estimate of W1, only the bounds up to scale are"
        yield Finding("info", "discriminator", message, ("dual_raw", "dual_c_best_scale"))
        return
    above = implied > 1 + WEIGHT_ROUNDING
    if above:
        # A constant of 1.00001 is proved too, and four digits would call it 1.
        constant = f"{implied:.4g}" if implied > 1.001 else f"1 + {implied - 1:.2g}"
        message = (
            f"the critic's loss is up to {constant} times the sample W1 (on average {average(raws):.4g} against "
            f"{average(values):.4g}): so it is not 1-Lipschitz, its K is at least {constant}"
        )
        yield Finding("warning", "dual-above-w1", message, ("dual_raw", "dual_ratio", "lipschitz_implied"))
    else:
        yield from _steep_pair(pairs)
    below: list[Yielded] = []
    if study.known_w1:
        steepest = max(implied, *(p.slope for p in pairs))
        below = list(_against_known(raws, average(values), study.known_w1, steepest))
    elif not above and max(values) > 0:
        below = list(_against_floors(study, raws, values))
    yield from below
    # Only of a loss that is too small by a test: one of the laws may have any scale on samples.
    if average(raws) < average(values) and any(isinstance(each, Finding) and each.code in SHORT_OF for each in below):
        yield from _under_scaled(pairs)
    yield from _wrong_direction(pairs, judged)


def _dead(study: Study, pairs: Sequence[Pair]) -> Iterator[Finding]:
    """All samples of all replicates have one score, to rounding."""
    import numpy as np

    sides = [side(replicate=p.replicate) for p in pairs for side in (study.real, study.fake)]
    scores = np.concatenate([study.scores(side, single=True) for side in sides])
    spread, size = float(np.ptp(scores)), float(np.abs(scores).max())
    if spread <= CONSTANT * size:
        message = f"the critic is dead: it gives all {len(scores)} samples one score, {scores[0]:.4g}, to rounding"
        yield Finding("warning", "dead-critic", message, ("dual_raw", "auc"))


def _small_constant(study: Study) -> Iterator[Finding]:
    """Where samples cannot tell: of a K that is proved to be small the loss is K W1 at most, whatever the laws."""
    from wganalyze_plugins.lipschitz.upper import quick_end

    end = quick_end(study)
    if not isinstance(end, str) and 0 < end.value < 1 / SCALED:
        message = (
            f"the critic is under-scaled: its Lipschitz constant is at most {end.value:.3g} ({end.method}), so its "
            f"loss is at most {end.value:.3g} of W1"
        )
        yield Finding("warning", "under-scaled", message, ("dual_lipschitz", "dual_raw"))


def _under_scaled(pairs: Sequence[Pair]) -> Iterator[Finding]:
    """A loss that is too small, of a critic that certifies more by far once it is multiplied, as clipped ones do."""
    from wganalyze.transport import information

    scale, best, zero = (average([getattr(p.bounds, name) for p in pairs]) for name in ("best_scale", "best", "zero"))
    raw, w1 = (average(values) for values in ([p.bounds.raw for p in pairs], [p.transport.value for p in pairs]))
    known = [information(p.bounds, p.transport.value) or 0.0 for p in pairs]
    # f = 0 certifies something too: what counts is what the critic adds to that.
    if min(p.bounds.best_scale for p in pairs) >= SCALED and average(known) >= KNOWING and best > SCALED * raw:
        message = (
            f"the critic is under-scaled, as one with clipped weights is: {scale:.3g} times it certifies {best:.4g} "
            f"({best / w1:.0%} of the sample W1; f = 0 certifies {zero:.4g}), where its loss is {raw:.4g}"
        )
        yield Finding("warning", "under-scaled", message, ("best_scale", "dual_c_best_scale", "dual_zero", "dual_raw"))


def _steep_pair(pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Proved by two samples, where the means prove nothing."""
    slope = max(p.slope for p in pairs)
    if STEEP < slope < float("inf"):
        bounds = [p.bounds.pair or 0.0 for p in pairs]
        message = (
            f"a real and a generated sample lie on a slope of {slope:.4g}: the critic is not 1-Lipschitz and its loss "
            f"no lower bound of W1; divided by the steepest slope of each replicate it is one, {average(bounds):.4g}"
        )
        yield Finding("info", "steep-pair", message, ("lipschitz_pair", "dual_pair"))


def _wrong_direction(pairs: Sequence[Pair], judged: Mapping[str, Sequence[Judged]]) -> Iterator[Finding]:
    """A value near W1 by coincidence. Of a 1-Lipschitz critic the c-transform certifies its own loss, and more.

    So half of it, at the best scale, is proof; the order of the scores tells this from a critic that is only steep.
    """
    from wganalyze_plugins.batches import paired_pvalue
    from wganalyze_plugins.critic_gap.potentials import OTHERS, of_replicates

    raws, values = [p.bounds.raw for p in pairs], [p.transport.value for p in pairs]
    near = abs(average(raws) - average(values)) <= (1 - NEAR) * average(values)
    if not near or any(p.bounds.best > raw / 2 for p, raw in zip(pairs, raws, strict=True)):
        return
    critic, reference = (of_replicates(judged.get(of, ()), "potential_rank") for of in ("critic", OTHERS))
    if critic is None or reference is None or average(reference) < ORDERED:
        return
    pvalue = paired_pvalue(critic, [rank / 2 for rank in reference])
    if pvalue <= LEVEL:
        best = average([p.bounds.best for p in pairs])
        message = (
            f"the critic's loss {average(raws):.4g} is near W1 ({average(values):.4g}) by coincidence: no multiple of "
            f"the critic certifies more than {best:.4g}, and its scores are in another order than the exact potentials "
            f"(rank correlation {average(critic):.2f}; of those of other samples {average(reference):.2f}; "
            f"p = {pvalue:.2g})"
        )
        evidence = ("dual_ratio", "dual_c_best_scale", "potential_rank", "potential_rank_reference")
        yield Finding("warning", "right-value-wrong-direction", message, evidence)


def _against_known(raws: Sequence[float], value: float, known: float, steepest: float) -> Iterator[Finding]:
    """The loss is bad where it is off by a tenth, and by more than chance: t over the replicates, two-sided.

    It is right where it is within a tenth and no slope above 1.1 is seen: of steeper ones any reaches any value.
    """
    from wganalyze_plugins.batches import paired_pvalue

    loss, truth = average(raws), [known] * len(raws)
    pvalue = min(1.0, 2 * min(paired_pvalue(raws, truth), paired_pvalue(truth, raws)))
    if abs(loss - known) > (1 - SHORT) * known:
        if pvalue <= LEVEL:
            message = (
                f"the critic's loss {loss:.4g} is {loss / known:.0%} of the true W1 {known:.4g} (p = {pvalue:.2g})"
            )
            yield Finding("warning", "dual-against-known", message, ("dual_raw", "dual_ratio_known"))
    elif value > FAR * known and steepest <= 2 - SHORT:
        message = (
            f"the critic's loss {loss:.4g} is the W1 of the laws ({known:.4g}), and right: of that of samples, "
            f"{value:.4g}, {1 - known / value:.0%} is sampling at this n and dimension"
        )
        yield Finding("info", "right-for-the-laws", message, ("dual_raw", "dual_ratio_known", "dual_ratio"))


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
    raw, value, total = average(raws), average(values), average(floors)
    drowned = f"W1 is {value:.4g}: all of it may be sampling at n = {study.n}, so that dual_ratio cannot judge"
    yield mean(study, "w1_floors", floors, message="" if total < value else drowned)
    if total >= value:
        yield from _small_constant(study)
    left = [SHORT * (one - floor) for one, floor in zip(values, floors, strict=True)]
    if total < value and (pvalue := paired_pvalue(raws, left)) <= LEVEL:
        message = (
            f"the critic's loss {raw:.4g} is {raw / value:.0%} of the sample W1 {value:.4g}, of which at most "
            f"{total:.4g} is sampling: the loss understates W1 (p = {pvalue:.2g})"
        )
        yield Finding("warning", "dual-below-w1", message, ("dual_raw", "dual_ratio", "gap", "w1_floors"))
