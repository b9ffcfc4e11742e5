"""Claims about what a critic's training does to the generator's gradient, and where alternating training leaves it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wganalyze import Claim, Evidence, NotMeasurable, Verdict
from wganalyze_plugins.claims.deciding import (
    QUALITY,
    every,
    evident,
    features,
    in_one_setting,
    last_by_seed,
    needed,
    side,
    spearman,
    told,
    verdict,
)

if TYPE_CHECKING:
    import pandas as pd

    from wganalyze import TrainingRun

ARJOVSKY = "Arjovsky and Bottou 1701.04862"
MATERIAL = 0.05
"""Share of W1 below which a critic is called at its maximum."""
TENTH = 0.1
"""Of the gradient of -T: one that small has vanished."""
CLASSIFIERS = ("gan", "gan-saturating")
ALTERNATING = ("wgan-gp", "wgan-lp", "wgan-div", "wgan")
HALF, TWICE = 0.5, 2.0
TINY = 1e-9
NOW, LATE, NOISE = (f"saturating_share{suffix}" for suffix in ("", "_late", "_noise"))


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
            method: [*last_by_seed(evidence, "gradients.dual_rise", in_one_setting(evidence.of(method))).values()]
            for method in ALTERNATING
        }
        known = {method: found for method, found in rises.items() if found}
        if not known:
            raise NotMeasurable(f"needs {self.needs} of a WGAN")
        numbers = [evident(method, found) for method, found in known.items()]
        decided = every([[rise - MATERIAL for rise in found] for found in known.values()])
        reason = f"the objective rises by {told(numbers)} of W1 when the critic is trained on; material from {MATERIAL}"
        beside = [*last_by_seed(evidence, "gradients.transform_rise", in_one_setting(evidence.of("wgan-c"))).values()]
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
        """By its share of the gradient of -T, of the same discriminator, after the last further steps."""
        late, now = (_of_classifiers(evidence, metric, self.needs) for metric in (LATE, NOW))
        numbers = [evident(f"{method}: share of the gradient of -T, late", found) for method, found in late.items()]
        numbers += [evident(f"{method}: at the snapshot", found) for method, found in now.items()]
        decided = every([[TENTH - share for share in found] for found in late.values()])
        reason = f"{told(numbers)}; vanished below {TENTH}"
        return verdict(decided, reason, numbers, min(map(len, late.values())))


class NonSaturatingUnstable(Claim):
    """-log D."""

    name = "log-d-gradient-unstable"
    statement = "The gradient of -log D becomes unstable as D nears its optimum"
    source = f"{ARJOVSKY}, thm. 2.6"
    needs = "runs of a GAN with gradients"
    rank = 11

    def judge(self, evidence: Evidence) -> Verdict:
        """By its deviation over batches, late over now; the relative deviation is told beside it."""
        grown = _grown(evidence, "sd_nonsaturating", self.needs)
        norms = _grown(evidence, "norm_nonsaturating", self.needs)
        relative = {
            method: [math.exp(a - b) for a, b in zip(logs, norms.get(method, ()), strict=False)]
            for method, logs in grown.items()
        }
        numbers = [
            evident(f"{method}: deviation over batches, late over now", [*map(math.exp, logs)])
            for method, logs in grown.items()
        ]
        numbers += [evident(f"{method}: relative to its norm", found) for method, found in relative.items() if found]
        decided = every([*grown.values()], margin=math.log(TWICE))
        return verdict(decided, told(numbers), numbers, min(map(len, grown.values())))


class NoiseRestores(Claim):
    """Instance noise."""

    name = "noise-restores-gradient"
    statement = "Instance noise brings the gradient back"
    source = f"{ARJOVSKY}, sec. 3; Sonderby et al. 1610.04490"
    needs = "runs of a GAN with gradients, whose gradient of log(1-D) has vanished"
    rank = 12

    def judge(self, evidence: Evidence) -> Verdict:
        """By the share of the gradient of -T that log(1-D) has late: with noise, over twice that without."""
        late, noise = (_of_classifiers(evidence, metric, self.needs) for metric in (LATE, NOISE))
        gone = {method: found for method, found in late.items() if side(found, TENTH) < 0 and noise.get(method)}
        if not gone:
            raise NotMeasurable(f"needs {self.needs}: here it has not")
        times = {
            method: [math.log(max(a, TINY) / max(b, TINY)) for a, b in zip(noise[method], found, strict=False)]
            for method, found in gone.items()
        }
        numbers = [
            evident(f"{method}: share of the gradient of -T, with noise over without", [*map(math.exp, logs)])
            for method, logs in times.items()
        ]
        numbers += [evident(f"{method}: without", found) for method, found in gone.items()]
        doubled = [side(logs, math.log(TWICE), tests=len(times)) > 0 for logs in times.values()]
        fallen = [side(logs, tests=len(times)) < 0 for logs in times.values()]
        decided = -1 if any(fallen) else int(all(doubled))
        return verdict(decided, told(numbers), numbers, min(map(len, times.values())))


def _of_classifiers(evidence: Evidence, metric: str, needs: str) -> dict[str, list[float]]:
    """A metric of ``gradients`` for each method that trains a discriminator, by seed."""
    found = {
        method: [*last_by_seed(evidence, f"gradients.{metric}", in_one_setting(evidence.of(method))).values()]
        for method in CLASSIFIERS
    }
    known = {method: each for method, each in found.items() if each}
    if not known:
        raise NotMeasurable(f"needs {needs}")
    return known


def _grown(evidence: Evidence, metric: str, needs: str) -> dict[str, list[float]]:
    """log of a metric late over now, for each method; where both are positive."""
    late, now = (_of_classifiers(evidence, f"{metric}{suffix}", needs) for suffix in ("_late", ""))
    logs = {
        method: [math.log(a / b) for a, b in zip(late[method], now.get(method, ()), strict=False) if a > 0 and b > 0]
        for method in late
    }
    known = {method: each for method, each in logs.items() if each}
    if not known:
        raise NotMeasurable(f"needs {needs}")
    return known


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
            [_tracking(run, evidence.series(QUALITY, run, space)) for run in needed(evidence, *methods)]
            for methods in (("wgan", "wgan-gp"), CLASSIFIERS)
        ]
        wgan, gan = ([tracking for tracking in each if tracking is not None] for each in found)
        if not wgan or not gan:
            raise NotMeasurable(f"needs {self.needs}")
        numbers = [evident("rank correlation over steps: WGAN", wgan), evident("GAN", gan)]
        decided = every([[each - HALF for each in wgan], [HALF - each for each in gan]])
        reason = f"{told(numbers)} in {space}, over runs; above {HALF}: it tracks"
        return verdict(decided, reason, numbers, len({run.seed for run in needed(evidence, *CLASSIFIERS)}))


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
        runs = needed(evidence)
        found = evidence.last(metric, runs)
        if not found:
            raise NotMeasurable(f"needs {self.needs}")
        numbers = [evident("share of the gain that is lost", found)]
        seeds = len({run.seed for run in runs if evidence.last(metric, [run])})
        reason = f"{told(numbers)}, over {len(found)} runs; forgotten from {HALF}"
        return verdict(side(found, HALF), reason, numbers, seeds)
