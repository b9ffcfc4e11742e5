"""Claims about the distance that a critic estimates, and about what nearness is worth."""

from __future__ import annotations

from wganalyze import Claim, Evidence, Evident, NotMeasurable, TrainingRun, Verdict
from wganalyze_plugins.claims.deciding import (
    QUALITY,
    W1,
    by_run,
    every,
    evident,
    features,
    in_one_setting,
    last_by_seed,
    needed,
    paired,
    side,
    spearman,
    told,
    values,
    verdict,
)

ESTIMATES = {
    "wgan-gp": "critic-gap.dual_raw",
    "wgan-lp": "critic-gap.dual_raw",
    "wgan+sn": "critic-gap.dual_raw",
    "wgan-c": "critic-gap.dual_c",
    "wgan-ceps": "critic-gap.dual_c",
}
"""What each method claims W1 to be. (Clipped critics claim it up to a factor, those of div another distance.)"""
WEAK, STRONG = 0.5, 0.9
"""Rank correlations below which one number says little of another, and above which it says nearly all."""
STANCZUK = "Stanczuk et al. 2103.01678"


def error(evidence: Evidence, run: TrainingRun) -> dict[int, float]:
    """|what the method claims - W1| / W1 of a run, by step."""
    estimate, exact = evidence.series(ESTIMATES[run.method], run), evidence.series(W1, run)
    return {
        int(step): abs(estimate[step] - exact[step]) / exact[step]
        for step in estimate.index
        if step in exact.index and exact[step] > 0
    }


class TransformIsNearer(Claim):
    """A critic by the c-transform."""

    name = "c-transform-nearer-to-w"
    statement = "A c-transform critic is nearer to the exact W1 of batches than a GP critic, static and in training"
    source = f"Mallasto et al. 1910.03875; {STANCZUK}, table 1"
    needs = "runs of wgan-c and wgan-gp with exact-w and critic-gap; for the static half, gradients"
    rank = 1

    def judge(self, evidence: Evidence) -> Verdict:
        """In training, mean over steps, paired by seed; static: after further steps on one frozen generator."""
        mean = [
            by_run(needed(evidence, method), lambda run: _mean(error(evidence, run)))
            for method in ("wgan-gp", "wgan-c")
        ]
        difference = values(dict(enumerate(paired(*mean))), self.needs)
        numbers = [
            evident("relative error of wgan-gp", [*mean[0].values()]),
            evident("of wgan-c", [*mean[1].values()]),
            evident("of f = 0", _zero(evidence)),
        ]
        decided, still = [difference], "static not measured: --only gradients"
        try:
            runs = evidence.of("wgan-gp")
            ends = [last_by_seed(evidence, f"gradients.{end}_error", runs) for end in ("penalised", "transform")]
            zero = last_by_seed(evidence, "gradients.zero_error", runs)
            static = values(dict(enumerate(paired(*ends))), self.needs)
            more = [
                evident("penalised", [*ends[0].values()]),
                evident("c-transform", [*ends[1].values()]),
                evident("f = 0", [*zero.values()]),
            ]
            decided.append(static)
            numbers += more
            still = f"static: {told(more)}"
        except NotMeasurable:
            pass
        nothing = "" if side(paired(dict(enumerate(_zero(evidence))), mean[1])) > 0 else "; no nearer than f = 0"
        reason = f"in training: {told(numbers[:3])}{nothing}; {still}"
        return verdict(every(decided), reason, numbers, len(difference))


def _mean(found: dict[int, float]) -> float | None:
    return sum(found.values()) / len(found) if found else None


def _zero(evidence: Evidence) -> list[float]:
    """What the critic f = 0 is off by, a value for each run of wgan-c."""
    found = []
    for run in evidence.of("wgan-c"):
        zero, exact = evidence.series("critic-gap.dual_zero", run), evidence.series(W1, run)
        shared = [step for step in zero.index if step in exact.index and exact[step] > 0]
        found += [sum(abs(zero[step] - exact[step]) / exact[step] for step in shared) / len(shared)] if shared else []
    return found


class NearerIsNotBetter(Claim):
    """W against quality."""

    name = "nearer-is-not-better"
    statement = "An estimate nearer to W1 does not go with better samples"
    source = f"{STANCZUK}, sec. 4"
    needs = "runs of several WGANs with exact-w, critic-gap, and quality in a space of features"
    rank = 2

    def judge(self, evidence: Evidence) -> Verdict:
        """Rank correlation of the estimate's error with the Frechet distance over methods and steps, by seed."""
        space = features(evidence)
        runs = [run for method in ESTIMATES for run in in_one_setting(evidence.of(method))]
        if len({run.method for run in runs}) < 2:
            raise NotMeasurable(f"needs {self.needs}")
        of_error: dict[int, float] = {}
        of_distance: dict[int, float] = {}
        for seed in dict.fromkeys(run.seed for run in runs):
            points = []
            for run in (run for run in runs if run.seed == seed):
                off, worse, far = error(evidence, run), evidence.series(QUALITY, run, space), evidence.series(W1, run)
                points += [(off[step], worse[step], far[step]) for step in off if step in worse.index]
            if len(points) > 2:
                columns = [*zip(*points, strict=True)]
                of_error[len(of_error)] = spearman(columns[0], columns[1])
                of_distance[len(of_distance)] = spearman(columns[2], columns[1])
        found = values(of_error, self.needs)
        numbers = [
            evident("rank correlation of error and Frechet distance", found),
            evident("of W1 and Frechet distance", [*of_distance.values()]),
        ]
        decided = -side(found, WEAK)
        reason = f"{told(numbers)} in {space}; below {WEAK}: nearness says little of quality"
        return verdict(decided, reason, numbers, len(found))


class ResemblesCentroids(Claim):
    """Samples as centroids."""

    name = "c-transform-is-k-means"
    statement = "c-transform samples resemble k-means centroids more than GP samples do"
    source = f"{STANCZUK}, sec. 4.3"
    needs = "runs of wgan-c and wgan-gp with kmeans"
    rank = 5

    def judge(self, evidence: Evidence) -> Verdict:
        """By the distance to the nearest centroid over that to the nearest real sample; beside real samples."""
        found = [_centrality(evidence, method) for method in ("wgan-gp", "wgan-c")]
        difference = values(dict(enumerate(paired(*found))), self.needs)
        centroid, real = (evidence.rows(f"kmeans.nearest_{to}_floor")["value"] for to in ("centroid", "real"))
        numbers = [
            evident("distance to a centroid over that to a real sample: wgan-gp", [*found[0].values()]),
            evident("wgan-c", [*found[1].values()]),
            Evident("real", float(centroid.iloc[0] / real.iloc[0])),
        ]
        return verdict(side(difference), told(numbers), numbers, len(difference))


def _centrality(evidence: Evidence, method: str) -> dict[int, float]:
    runs = needed(evidence, method)
    centroid, real = (last_by_seed(evidence, f"kmeans.nearest_{to}", runs) for to in ("centroid", "real"))
    return {seed: centroid[seed] / real[seed] for seed in centroid if real.get(seed, 0) > 0}


class MetricDecides(Claim):
    """Two ground metrics, two rankings."""

    name = "ground-metric-decides-ranking"
    statement = "The same runs are ranked differently by another ground metric: pixels against features"
    source = f"{STANCZUK}, sec. 5"
    needs = "runs of several methods, or steps, with exact-w in pixels and in a space of features"
    rank = 22

    def judge(self, evidence: Evidence) -> Verdict:
        """Do two metrics agree on the order of the methods as well as two seeds of the same metric do?"""
        space = features(evidence, W1)
        found = {
            method: [last_by_seed(evidence, W1, in_one_setting(evidence.of(method)), where) for where in (None, space)]
            for method in evidence.methods()
        }
        known = {method: pair for method, pair in found.items() if all(pair)}
        seeds = sorted(set.intersection(*({*pair[0]} & {*pair[1]} for pair in known.values()))) if known else []
        if len(known) < 3 or not seeds:
            raise NotMeasurable(f"needs {self.needs}")
        pixels, other = ([[pair[i][seed] for pair in known.values()] for seed in seeds] for i in (0, 1))
        across = [_agreement(pixels, other, k) for k in range(len(seeds))]
        numbers = [evident(f"rank correlation of {len(known)} methods, pixels and {space}", across)]
        if len(seeds) < 2:
            decided = 1 if across[0] < WEAK else -1 if across[0] > STRONG else 0
            return verdict(decided, told(numbers), numbers, 1)
        within = [(_agreement(pixels, pixels, k) + _agreement(other, other, k)) / 2 for k in range(len(seeds))]
        numbers.append(evident("two seeds of one metric", within))
        apart = side([a - b for a, b in zip(within, across, strict=True)])
        decided = 1 if apart > 0 else -1 if side(across, STRONG) > 0 else 0
        return verdict(decided, told(numbers), numbers, len(seeds))


def _agreement(first: list[list[float]], second: list[list[float]], k: int) -> float:
    """Mean rank correlation of seed ``k`` of one side with the other seeds of the other; if alone, with itself."""
    others = [i for i in range(len(second)) if i != k] or [k]
    return sum(spearman(first[k], second[i]) for i in others) / len(others)
