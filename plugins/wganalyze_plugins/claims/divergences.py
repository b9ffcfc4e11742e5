"""Claims about divergences: what saturates, what a discriminator converges to, what bounded functions measure."""

from __future__ import annotations

import math

from wganalyze import Claim, Evidence, Evident, NotMeasurable, Verdict
from wganalyze_plugins.claims.deciding import W1, ends, measured, told, verdict

ARJOVSKY = "Arjovsky et al. 1701.07875"
SATURATED = 0.95
"""Of log 2: from there on JS says that supports do not overlap, and no more."""
NEAR = 0.1
"""Relative distance to a known value that counts as having reached it."""


def _last(evidence: Evidence, metric: str, name: str) -> Evident:
    return measured(evidence.rows(f"divergences.{metric}").iloc[-1], name)


class JsSaturates(Claim):
    """Disjoint supports."""

    name = "js-saturates"
    statement = "JS saturates at log 2 on disjoint supports, while W1 is continuous"
    source = f"{ARJOVSKY}, example 1"
    needs = "divergences, on any run or pair; with exact-w, W1 is told beside"
    rank = 9

    def judge(self, evidence: Evidence) -> Verdict:
        """By a lower bound of JS at every snapshot: saturated at all of them, or below by its interval at one."""
        rows = evidence.rows("divergences.js_probe")
        high = rows["ci_high"].fillna(rows["value"])
        ratio = rows["value"] / math.log(2)
        numbers = [Evident("least JS / log 2", float(ratio.min())), Evident("largest", float(ratio.max()))]
        try:
            w1 = evidence.rows(W1)["value"]
            numbers += [Evident("while W1 goes from", float(w1.min())), Evident("to", float(w1.max()))]
        except NotMeasurable:
            pass
        below = bool((high < SATURATED * math.log(2)).any())
        saturated = bool((ratio >= SATURATED).all())
        return verdict(1 if saturated else -1 if below else 0, told(numbers), numbers, 0)


class ReachesOptimum(Claim):
    """D*."""

    name = "discriminator-reaches-optimum"
    statement = "A trained discriminator approaches p/(p+q), and its value -log 4 + 2 JS"
    source = "Goodfellow et al. 1406.2661, prop. 1 and thm. 1"
    needs = "divergences on a pair whose densities are known: --data gaussians:D,SHIFT"
    rank = 13

    def judge(self, evidence: Evidence) -> Verdict:
        """By the mean |D - D*|, and by the value it misses of the known one; both small, or one large."""
        distance = _last(evidence, "dstar_distance", "mean |D - D*|")
        value = _last(evidence, "value_probe", "value")
        known = _last(evidence, "value_known", "of at most")
        missed = (known.value - value.value) / math.log(4)
        numbers = [distance, value, known]
        reached = distance.value < NEAR and missed < NEAR
        missing = ends(distance)[0] > NEAR or missed > NEAR
        return verdict(1 if reached else -1 if missing else 0, told(numbers), numbers, 0)


class BoundedIsTotalVariation(Claim):
    """|f| <= 1."""

    name = "bounded-critic-is-total-variation"
    statement = "|f| <= 1 in place of 1-Lipschitz measures twice the total variation"
    source = f"{ARJOVSKY}; Petzka et al. 1709.08894, sec. 2"
    needs = "divergences on a pair whose total variation is known: --data gaussians:D,SHIFT or lines:THETA"
    rank = 18

    def judge(self, evidence: Evidence) -> Verdict:
        """By the largest mean difference that a trained f with |f| <= 1 reaches on held-out samples."""
        dual = _last(evidence, "bounded_dual", "reached")
        known = evidence.rows("divergences.tv_known")["value"].iloc[-1]
        twice = Evident("twice TV", 2 * float(known))
        if twice.value <= 0:
            raise NotMeasurable("the two laws are equal: their total variation is 0")
        low, high = ends(dual)
        reached = high >= (1 - NEAR) * twice.value and low <= (1 + NEAR) * twice.value
        beyond = low > (1 + NEAR) * twice.value or high < (1 - NEAR) * twice.value
        return verdict(1 if reached else -1 if beyond else 0, told([dual, twice]), [dual, twice], 0)
