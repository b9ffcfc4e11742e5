"""Claims about what a critic's training does to the generator's gradient, and where alternating training leaves it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wganalyze import Claim, Evidence, NotMeasurable, Verdict
from wganalyze_plugins.claims.deciding import (
    QUALITY,
    by_run,
    evident,
    features,
    last_by_seed,
    needed,
    side,
    spearman,
    told,
    values,
    verdict,
)

if TYPE_CHECKING:
    import pandas as pd

    from wganalyze import TrainingRun

ARJOVSKY = "Arjovsky and Bottou 1701.04862"
MATERIAL = 0.05
"""Share of W1 below which a critic is called at its maximum."""
TENTH = 0.1
"""Of its first size: a gradient that small has vanished."""
CLASSIFIERS = ("gan", "gan-saturating")
ALTERNATING = ("wgan-gp", "wgan-lp", "wgan-div", "wgan")
HALF = 0.5


class ShortOfMaximum(Claim):
    """Alternation."""

    name = "critic-short-of-maximum"
    statement = "Alternating training leaves the critic short of the maximum of its own objective"
    source = "Stanczuk et al. 2103.01678, sec. 3; Arjovsky et al. 1701.07875, sec. 3"
    needs = "runs with gradients"
    rank = 8

    def judge(self, evidence: Evidence) -> Verdict:
        """By what the objective of each alternating WGAN rises by, of W1, when its critic alone is trained on.

        c-transform critics are told beside: their objective is flat, and they are at its maximum.
        """
        rises = {
            method: [*last_by_seed(evidence, "gradients.dual_rise", evidence.of(method)).values()]
            for method in ALTERNATING
        }
        known = {method: found for method, found in rises.items() if found}
        if not known:
            raise NotMeasurable(f"needs {self.needs} of a WGAN")
        numbers = [evident(method, found) for method, found in known.items()]
        sides = [side(found, MATERIAL) for found in known.values()]
        decided = 1 if min(sides) > 0 else -1 if min(sides) < 0 else 0
        reason = f"the objective rises by {told(numbers)} of W1 when the critic is trained on; material from {MATERIAL}"
        beside = [*last_by_seed(evidence, "gradients.transform_rise", evidence.of("wgan-c")).values()]
        if beside:
            reason += f"; of a c-transform critic by {told([evident('wgan-c', beside)])}"
        return verdict(decided, reason, numbers, min(map(len, known.values())))


class SaturatingVanishes(Claim):
    """log(1 - D)."""

    name = "saturating-gradient-vanishes"
    statement = "The gradient of log(1-D) vanishes as D nears its optimum"
    source = f"{ARJOVSKY}, thm. 2.4"
    needs = "runs of a GAN with gradients"
    rank = 10

    def judge(self, evidence: Evidence) -> Verdict:
        """By its share of the gradient of -T, of the same discriminator, after the last further steps over now."""
        return _ratio(
            self, evidence, "saturating_share_late", "saturating_share", "share of the gradient of -T, late over now",
            vanishing=True,
        )  # fmt: skip


class NonSaturatingUnstable(Claim):
    """-log D."""

    name = "log-d-gradient-unstable"
    statement = "The gradient of -log D becomes unstable as D nears its optimum"
    source = f"{ARJOVSKY}, thm. 2.6"
    needs = "runs of a GAN with gradients"
    rank = 11

    def judge(self, evidence: Evidence) -> Verdict:
        """By its deviation over batches, late over now; the relative deviation is told beside it."""
        runs = needed(evidence, *CLASSIFIERS)
        grown = _logs(evidence, "sd_nonsaturating_late", "sd_nonsaturating", runs)
        norms = _logs(evidence, "norm_nonsaturating_late", "norm_nonsaturating", runs)
        found = values(grown, self.needs)
        relative = [math.exp(grown[seed] - norms[seed]) for seed in grown if seed in norms]
        numbers = [
            evident("deviation over batches, late over now", [math.exp(v) for v in found]),
            evident("relative to its norm", relative),
        ]
        return verdict(side(found), told(numbers), numbers, len(found))


class NoiseRestores(Claim):
    """Instance noise."""

    name = "noise-restores-gradient"
    statement = "Instance noise brings the gradient back"
    source = f"{ARJOVSKY}, sec. 3; Sonderby et al. 1610.04490"
    needs = "runs of a GAN with gradients"
    rank = 12

    def judge(self, evidence: Evidence) -> Verdict:
        """By the share of the gradient of -T that log(1-D) has late, with noise over without."""
        return _ratio(
            self, evidence, "saturating_share_noise", "saturating_share_late",
            "share of the gradient of -T, with noise over without", vanishing=False,
        )  # fmt: skip


def _ratio(claim: Claim, evidence: Evidence, over: str, under: str, words: str, *, vanishing: bool) -> Verdict:
    """Is a share a tenth of another (``vanishing``), or larger than it?"""
    runs = needed(evidence, *CLASSIFIERS)
    logs = _logs(evidence, over, under, runs)
    found = values(logs, claim.needs)
    numbers = [evident(words, [math.exp(value) for value in found])]
    numbers += [
        evident(metric, [*last_by_seed(evidence, f"gradients.{metric}", runs).values()]) for metric in (under, over)
    ]
    decided = -side(found, math.log(TENTH)) if vanishing else side(found)
    return verdict(decided, told(numbers), numbers, len(found))


def _logs(evidence: Evidence, over: str, under: str, runs: list[TrainingRun]) -> dict[int, float]:
    """log of one metric over another, by seed, where both are positive."""
    first, second = (last_by_seed(evidence, f"gradients.{metric}", runs) for metric in (over, under))
    return {seed: math.log(first[seed] / second[seed]) for seed in first if first[seed] > 0 and second.get(seed, 0) > 0}


class EstimateTracks(Claim):
    """A loss that means something."""

    name = "wgan-estimate-tracks-quality"
    statement = "The critic's estimate of a WGAN tracks sample quality over training; the JS estimate of a GAN does not"
    source = "Arjovsky et al. 1701.07875, sec. 4.2, figures 3 and 4"
    needs = "runs of wgan or wgan-gp and of gan, of four steps or more, with quality in a space of features"
    rank = 19

    def judge(self, evidence: Evidence) -> Verdict:
        """Rank correlation over the steps of a run of what its trainer recorded as its estimate with the distance."""
        space = features(evidence)
        found = [
            by_run(needed(evidence, *methods), lambda run: _tracking(run, evidence.series(QUALITY, run, space)))
            for methods in (("wgan", "wgan-gp"), CLASSIFIERS)
        ]
        wgan, gan = (values(each, self.needs) for each in found)
        numbers = [evident("rank correlation over steps: WGAN", wgan), evident("GAN", gan)]
        sides = side(wgan, HALF), -side(gan, HALF)
        decided = 1 if min(sides) > 0 else -1 if min(sides) < 0 else 0
        reason = f"{told(numbers)} in {space}; above {HALF}: it tracks"
        return verdict(decided, reason, numbers, min(len(wgan), len(gan)))


def _tracking(run: TrainingRun, quality: pd.Series[float]) -> float | None:
    said = run.said("estimate")
    steps = [step for step in said if step in quality.index]
    if len(steps) < 4:
        return None
    return spearman([said[step] for step in steps], [quality[step] for step in steps])


class Forgets(Claim):
    """One batch after the other."""

    name = "mini-batches-forget"
    statement = "Mini-batch training forgets earlier batches"
    source = "primal WGAN (assignment inside the batch)"
    needs = "runs with forgetting"
    rank = 20

    def judge(self, evidence: Evidence) -> Verdict:
        """By the share of what a batch gained that is lost after the later ones."""
        metric = "forgetting.forgotten"
        found = values(last_by_seed(evidence, metric, needed(evidence)), self.needs)
        numbers = [evident("share of the gain that is lost", found)]
        return verdict(side(found, HALF), f"{told(numbers)}; forgotten from {HALF}", numbers, len(found))
