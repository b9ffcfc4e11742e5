"""Claims about batches of real data, and about matching inside mini-batches."""

from __future__ import annotations

from itertools import pairwise

from wganalyze import Claim, Evidence, Evident, NotMeasurable, Verdict
from wganalyze_plugins.claims.deciding import (
    W1,
    by_run,
    ends,
    every,
    evident,
    measured,
    needed,
    paired,
    told,
    verdict,
)

BATCH = 64
"""The batch size that the claims are about."""
BLUR = "Stanczuk et al. 2103.01678, sec. 4.2"
ROUNDING = 1e-9
SEVERAL = 4
"""Batches in a sample, from which on what stratifying them does shows."""


class _FartherThan(Claim):
    """W1 between two real batches over W1 between a batch and something smooth."""

    needs = "minibatch, on any run"
    metric: str
    smooth: str

    def judge(self, evidence: Evidence) -> Verdict:
        """By the interval of the ratio at batches of BATCH, or at the largest size below."""
        rows = evidence.rows(self.metric).drop_duplicates("n").sort_values("n")
        numbers = [measured(row, f"at {row['n']:.0f}") for _, row in rows.iterrows()]
        sizes = [n for n in rows["n"] if n <= BATCH] or [*rows["n"][:1]]
        deciding = numbers[[*rows["n"]].index(sizes[-1])]
        low, high = ends(deciding)
        reason = f"W1(batch, batch') / W1(batch, {self.smooth}) is {told(numbers)} samples a batch"
        reason += f"; decided at {sizes[-1]:.0f}"
        return verdict(1 if low > 1 else -1 if high < 1 else 0, reason, numbers, 0)


class FartherThanMean(_FartherThan):
    """Blur is nearer."""

    name = "batches-farther-than-mean"
    statement = "Real batches are farther from each other than from the mean sample"
    source = BLUR
    rank = 3
    metric, smooth = "minibatch.blur_ratio_mean", "mean"


class FartherThanCentroids(_FartherThan):
    """Centroids are nearer."""

    name = "batches-farther-than-centroids"
    statement = "Real batches are farther from each other than from k-means centroids"
    source = BLUR
    rank = 4
    metric, smooth = "minibatch.blur_ratio_centroids", "centroids"


class Overestimates(Claim):
    """EWD <= MBWD <= EWD + B_M."""

    name = "minibatches-overestimate"
    statement = "Matching inside mini-batches overestimates the distance, within the bound of B_M"
    source = "Fatras et al. 1910.04091, sec. 3; primal WGAN (assignment inside the batch)"
    needs = "minibatch, on any run"
    rank = 14

    def judge(self, evidence: Evidence) -> Verdict:
        """In every row, since both inequalities are theorems; the looseness of the bound is told."""
        index = ["run", "snapshot", "n"]
        bias, bound = (
            evidence.rows(f"minibatch.{metric}").set_index(index)["value"].groupby(level=index).first()
            for metric in ("mbwd_bias", "mbwd_bias_bound")
        )
        both = bias.to_frame("bias").join(bound.rename("bound"), how="inner")
        if both.empty:
            raise NotMeasurable(f"needs {self.needs}")
        wrong = both[(both["bias"] < -ROUNDING) | (both["bias"] > both["bound"] * (1 + ROUNDING) + ROUNDING)]
        loose = both["bound"][both["bias"] > 0] / both["bias"][both["bias"] > 0]
        at = both[both["bound"] > ROUNDING].groupby(level="n")["bias"].mean()  # a batch of all has no bias
        numbers = [Evident(f"bias at {n:.0f}", float(value)) for n, value in at.items()]
        numbers.append(Evident("bound / bias", float(loose.median()) if len(loose) else 1.0))
        reason = f"{len(wrong)} of {len(both)} values lie outside [0, B_M]; {told(numbers)}"
        return verdict(-1 if len(wrong) else 1, reason, numbers, 0)


class Stratified(Claim):
    """Strata."""

    name = "stratified-batches-steady"
    statement = "Batches that follow the data's distribution shrink the mini-batch bias and steady primal training"
    source = "primal WGAN (assignment inside the batch)"
    needs = "runs of primal and primal-stratified, with minibatch and exact-w at several steps"
    rank = 21

    def judge(self, evidence: Evidence) -> Verdict:
        """Both halves: the bias falls (real batches are stratified, as in training), and W1 moves less at the end."""
        runs = {method: needed(evidence, method) for method in ("primal", "primal-stratified")}
        plain, strata = (_last(evidence, f"minibatch.{metric}") for metric in ("mbwd_bias", "mbwd_bias_stratified"))
        falls = by_run(
            runs["primal"],
            lambda run: 1 - strata[run.name] / plain[run.name] if plain.get(run.name) and run.name in strata else None,
        )
        moves = [by_run(each, lambda run: _moves([*evidence.series(W1, run)])) for each in runs.values()]
        steadier = paired(*moves)
        if not falls or not steadier:
            raise NotMeasurable(f"needs {self.needs}")
        fallen = [*falls.values()]
        numbers = [evident("fall of the bias", fallen), evident("movement of W1, random less stratified", steadier)]
        decided = every([fallen, steadier])
        return verdict(decided, told(numbers), numbers, len(steadier))


def _last(evidence: Evidence, metric: str) -> dict[str, float]:
    """At the last step of each run, by the largest batches of which there are enough."""
    rows = evidence.rows(metric)
    enough = rows[rows["n"] * SEVERAL <= rows["n_split"]]
    rows = enough[enough["n"] == enough["n"].max()]
    return {str(run): float(value) for run, value in rows.sort_values("step").groupby("run")["value"].last().items()}


def _moves(series: list[float]) -> float | None:
    """Mean change from one step to the next over the second half of a training, relative to the last value."""
    half = series[len(series) // 2 :]
    if len(half) < 2 or not half[-1] > 0:
        return None
    return sum(abs(b - a) for a, b in pairwise(half)) / (len(half) - 1) / half[-1]
