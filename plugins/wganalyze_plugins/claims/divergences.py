"""Claims about divergences: what saturates, what a discriminator converges to, what bounded functions measure."""

from __future__ import annotations

import math

from wganalyze import Claim, Evidence, Evident, NotMeasurable, Verdict
from wganalyze_plugins.claims.deciding import W1, ends, measured, told, verdict

ARJOVSKY = "Arjovsky et al. 1701.07875"
SATURATED = 0.95
"""Of log 2: from there on JS says that supports do not overlap, and no more."""
APART, ROUNDING = 0.99, 1e-9
LITTLE = 0.05
"""Nats between D = 1/2 and D*, below which nothing shows."""
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
        """By a probe's lower bound of JS where supports lie apart; and by parallel lines, where JS and W1 are exact."""
        rows = evidence.rows("divergences.js_probe")
        accuracy = evidence.rows("divergences.probe_accuracy").set_index("snapshot")["value"]
        rows = rows[[accuracy.get(label, 0.0) >= APART for label in rows["snapshot"]]]
        if rows.empty:
            raise NotMeasurable(f"needs disjoint supports: a probe tells no snapshot from the data with {APART}")
        ratio = rows["value"] / math.log(2)
        numbers = [Evident("least JS / log 2", float(ratio.min())), Evident("largest", float(ratio.max()))]
        w1 = evidence.rows(W1).set_index("snapshot")["value"].reindex(rows["snapshot"]).dropna()
        numbers += [Evident("while W1 goes from", float(w1.min())), Evident("to", float(w1.max()))] if len(w1) else []
        lines = evidence.table("divergences.lines").drop_duplicates("theta")
        lines = lines[lines["theta"] > 0]
        exact = bool((abs(lines["js"] - math.log(2)) < ROUNDING).all() and (lines["w1"] == lines["theta"]).all())
        below = bool((rows["ci_high"].fillna(rows["value"]) < SATURATED * math.log(2)).any())
        saturated = bool((ratio >= SATURATED).all()) and exact
        reason = f"{told(numbers)}; on parallel lines JS is log 2 {'and' if exact else 'or'} W1 the distance, exactly"
        return verdict(1 if saturated else -1 if below or not exact else 0, reason, numbers, 0)


class ReachesOptimum(Claim):
    """D*."""

    name = "discriminator-reaches-optimum"
    statement = "A trained discriminator approaches p/(p+q), and its value -log 4 + 2 JS"
    source = "Goodfellow et al. 1406.2661, prop. 1 and thm. 1"
    needs = "divergences on a pair whose densities are known: --data gaussians:D,SHIFT"
    rank = 13

    def judge(self, evidence: Evidence) -> Verdict:
        """By the mean |D - D*|, and by the share of its way from D = 1/2 to the largest value that it goes."""
        distance = _last(evidence, "dstar_distance", "mean |D - D*|")
        value, known = _last(evidence, "value_probe", "value"), _last(evidence, "value_known", "of at most")
        way = known.value + math.log(4)
        if way < LITTLE:
            raise NotMeasurable("the two laws are nearly one, so that D = 1/2 is nearly D*: choose others")
        gone = [(end + math.log(4)) / way for end in ends(value)]
        numbers = [distance, value, known, Evident("share of the way from D = 1/2", (value.value + math.log(4)) / way)]
        reached = distance.value < NEAR and gone[1] >= 1 - NEAR and gone[0] <= 1 + NEAR
        missing = ends(distance)[0] > NEAR or gone[1] < 1 - NEAR
        return verdict(-1 if missing else 1 if reached else 0, told(numbers), numbers, 0)


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
        reached = low >= (1 - NEAR) * twice.value and high <= (1 + NEAR) * twice.value
        beyond = low > (1 + NEAR) * twice.value or high < (1 - NEAR) * twice.value
        return verdict(1 if reached else -1 if beyond else 0, told([dual, twice]), [dual, twice], 0)
