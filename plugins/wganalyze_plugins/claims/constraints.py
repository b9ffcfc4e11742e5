"""Claims about constraints on the discriminator of a GAN: do they help, and which kind of them?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wganalyze import Claim, Evidence, NotMeasurable, TrainingRun, Verdict
from wganalyze_plugins.claims.deciding import (
    BETTER,
    LEVEL,
    QUALITY,
    by_run,
    features,
    in_one_setting,
    last_log_by_seed,
    paired,
    ratio,
    side,
    told,
    verdict,
)

LOSSES = ("gan", "gan-saturating")
CONSTRAINTS = ("sn", "gp", "zero")
ZERO_OVER_ONE = (("gan+zero", "gan+gp"), ("gan-saturating+zero", "gan-saturating+gp"), ("wgan-div", "wgan-gp"))
FEWEST = 3
"""Seeds from which on their spread says something."""


@dataclass(frozen=True)
class Effect:
    """What a constraint does to the logarithm of the Frechet distance, with it less without, seed by seed.

    ``quality``: of the last step. ``fall``: of the last step less that of the best one of the same run.
    ``spread``: the last steps with it and without, whose scatter over seeds is compared. ``broken``: in words.
    """

    quality: Sequence[float]
    fall: Sequence[float]
    spread: tuple[Sequence[float], Sequence[float]]
    broken: str

    def worse(self, tests: int) -> bool:
        """In any respect, at a share of 5% that ``tests`` have between them."""
        return (
            max(side(self.quality, tests=tests, margin=BETTER), side(self.fall, tests=tests, margin=BETTER)) > 0
            or wider(*self.spread, tests=tests) > 0
        )

    def better(self) -> bool:
        """In quality, and in one kind of stability or the other."""
        steadier = min(side(self.fall, tests=2, margin=BETTER), wider(*self.spread, tests=2)) < 0
        return steadier and side(self.quality, margin=BETTER) < 0


def wider(first: Sequence[float], second: Sequence[float], *, tests: int = 1) -> int:
    """1: the first scatter more, -1: less, 0: undecided, by Levene's test about medians (Brown and Forsythe 1974)."""
    from scipy.stats import levene

    if min(len(first), len(second)) < FEWEST or max(len({*first}), len({*second})) < FEWEST:
        return 0
    if not levene(first, second, center="median").pvalue < (1 - LEVEL) / tests:  # NaN, too
        return 0
    return 1 if deviation(first) > deviation(second) else -1


def deviation(found: Sequence[float]) -> float:
    """Standard deviation; 0 of less than two."""
    from statistics import stdev

    return stdev(found) if len(found) > 1 else 0.0


class ConstraintsHelp(Claim):
    """SN or GP on any GAN."""

    name = "sn-or-gp-helps-any-gan"
    statement = "Spectral norm or a gradient penalty, added to any GAN, improves quality and stability"
    source = "Kurach et al. 1807.04720; Miyato et al. 1802.05957; Fedus et al. 1710.08446"
    needs = "runs of gan (or gan-saturating) with and without sn, gp, zero, and quality in a space of features"
    rank = 6

    def judge(self, evidence: Evidence) -> Verdict:
        """Every combination has to be better in both; one that is worse in either refutes "any".

        Stability: how far a run falls back from its best step, where one that ends by NaN falls back to its worst,
        and how much its seeds scatter.
        """
        space = features(evidence)
        effects = {}
        for loss in LOSSES:
            plain = in_one_setting(evidence.of(loss))
            for constraint in CONSTRAINTS:
                added = in_one_setting(evidence.of(f"{loss}+{constraint}"))
                effect = _effect(evidence, added, plain, space)
                if effect.quality:
                    effects[f"{loss}+{constraint}"] = effect
        if not effects:
            raise NotMeasurable(f"needs {self.needs}")
        quality = [ratio(name, effect.quality) for name, effect in effects.items()]
        falls = [ratio(name, effect.fall) for name, effect in effects.items() if effect.fall]
        spread = [
            f"{name} {deviation(effect.spread[0]):.2g} to {deviation(effect.spread[1]):.2g}"
            for name, effect in effects.items()
        ]
        broken = [f"{name} {effect.broken}" for name, effect in effects.items() if effect.broken]
        worse = any(effect.worse(3 * len(effects)) for effect in effects.values())
        decided = -1 if worse else int(all(effect.better() for effect in effects.values()))
        reason = (
            f"Frechet distance over that without, in {space}: {told(quality)}; its fall from the best step over that "
            f"without: {told(falls) or 'one step is too few'}; deviation of its logarithm over seeds, with to without: "
            f"{', '.join(spread)}; ended by NaN: {', '.join(broken) or 'none'}"
        )
        return verdict(decided, reason, [*quality, *falls], min(len(effect.quality) for effect in effects.values()))


def _effect(evidence: Evidence, added: Sequence[TrainingRun], plain: Sequence[TrainingRun], space: str) -> Effect:
    last = [last_log_by_seed(evidence, runs, space) for runs in (added, plain)]
    falls = [by_run(runs, lambda run: _fall(evidence, run, space)) for runs in (added, plain)]
    lost = len({run.seed for run in plain} - {run.seed for run in added})
    broken = sum(map(_ended_early, added)) + lost
    return Effect(
        paired(*last),
        paired(*falls),
        ([*last[0].values()], [*last[1].values()]),
        f"{broken} of {len(added) + lost}" if broken else "",
    )


def _fall(evidence: Evidence, run: TrainingRun, space: str) -> float | None:
    """How far the logarithm of its Frechet distance ends above that of its best step."""
    series = evidence.series(QUALITY, run, space)
    if len(series) < 2:
        return None
    end = series.max() if _ended_early(run) else series.iloc[-1]
    return math.log(float(end) / float(series.min()))


def _ended_early(run: TrainingRun) -> bool:
    """Before the step that was planned."""
    return bool(run.steps) and run.steps[-1] < int(run.facts.get("steps", 0))


class ZeroCentred(Claim):
    """0 or 1."""

    name = "zero-centred-at-least-as-good"
    statement = "Zero-centred gradient penalties do at least as well as one-centred ones"
    source = "Mescheder et al. 1801.04406; Wu et al. 1712.01026"
    needs = "runs of gan+zero and gan+gp, or wgan-div and wgan-gp, and quality in a space of features"
    rank = 7

    def judge(self, evidence: Evidence) -> Verdict:
        """No pair in which they are worse, and one in which they are better."""
        space = features(evidence)
        logs = {
            " / ".join(pair): paired(
                *(last_log_by_seed(evidence, in_one_setting(evidence.of(method)), space) for method in pair)
            )
            for pair in ZERO_OVER_ONE
        }
        known = {name: each for name, each in logs.items() if each}
        if not known:
            raise NotMeasurable(f"needs {self.needs}")
        sides = [-side(each, tests=len(known), margin=BETTER) for each in known.values()]
        numbers = [ratio(name, each) for name, each in known.items()]
        decided = -1 if min(sides) < 0 else max(sides)
        seeds = min(len(each) for each in known.values())
        return verdict(decided, f"Frechet distances in {space}: {told(numbers)}", numbers, seeds)
