"""Claims about methods: which constraint helps which loss, which architectures survive, what primal training does."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wganalyze import Claim, Evidence, Evident, NotMeasurable, TrainingRun, Verdict
from wganalyze_plugins.claims.deciding import (
    QUALITY,
    all_of,
    evident,
    features,
    in_one_setting,
    last_by_seed,
    needed,
    paired,
    side,
    told,
    values,
    verdict,
)

LOSSES = ("gan", "gan-saturating")
CONSTRAINTS = ("sn", "gp", "zero")
ZERO_OVER_ONE = (("gan+zero", "gan+gp"), ("gan-saturating+zero", "gan-saturating+gp"), ("wgan-div", "wgan-gp"))
SAME = 1e-12
BETTER = math.log(1.1)
"""Of the ratio of two Frechet distances, where seeds are too few for an interval."""
AS_NEAR = 0.05
"""Difference of two shares that counts as none."""


def _compared(
    evidence: Evidence, first: Sequence[TrainingRun], second: Sequence[TrainingRun], space: str
) -> list[float]:
    """log of the Frechet distance of the first over the second, paired by seed: below 0, the first is better."""
    logs = [
        {seed: math.log(max(value, SAME)) for seed, value in last_by_seed(evidence, QUALITY, runs, space).items()}
        for runs in (first, second)
    ]
    return paired(*logs)


def _ratio(name: str, logs: Sequence[float]) -> Evident:
    shown = evident(name, logs)
    interval = shown.interval
    if interval is None:
        return Evident(name, math.exp(shown.value))
    ends = (math.exp(min(interval.low, 700)), math.exp(min(interval.high, 700)))
    return Evident(name, math.exp(shown.value), type(interval)(*ends, f"{interval.method}, of logarithms"))


def _broken(added: Sequence[TrainingRun], plain: Sequence[TrainingRun]) -> str:
    """Of the runs with a constraint: those that ended before the step that was planned, or left no snapshot at all."""
    early = sum(bool(run.steps) and run.steps[-1] < int(run.facts.get("steps", 0)) for run in added)
    lost = len({run.seed for run in plain} - {run.seed for run in added})
    return f"{early + lost} of {len(added) + lost}"


class ConstraintsHelp(Claim):
    """SN or GP on any GAN."""

    name = "sn-or-gp-helps-any-gan"
    statement = "Spectral norm or a gradient penalty, added to any GAN, improves quality and stability"
    source = "Kurach et al. 1807.04720; Miyato et al. 1802.05957; Fedus et al. 1710.08446"
    needs = "runs of gan (or gan-saturating) with and without sn, gp, zero, and quality in a space of features"
    rank = 6

    def judge(self, evidence: Evidence) -> Verdict:
        """Every combination has to be better; one that is worse refutes "any"."""
        space = features(evidence)
        found, broken = {}, []
        for loss in LOSSES:
            plain = in_one_setting(evidence.of(loss))
            for constraint in CONSTRAINTS:
                added = in_one_setting(evidence.of(f"{loss}+{constraint}"))
                logs = _compared(evidence, added, plain, space)
                if logs:
                    found[f"{loss}+{constraint}"] = logs
                    broken.append(_broken(added, plain))
        if not found:
            raise NotMeasurable(f"needs {self.needs}")
        numbers = [_ratio(name, logs) for name, logs in found.items()]
        decided = all_of([-side(logs, tests=len(found), margin=BETTER) for logs in found.values()])
        reason = f"Frechet distance over that without, in {space}: {told(numbers)}; ended by NaN: {', '.join(broken)}"
        return verdict(decided, reason, numbers, min(map(len, found.values())))


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
            f"{zero} / {one}": _compared(
                evidence, in_one_setting(evidence.of(zero)), in_one_setting(evidence.of(one)), space
            )
            for zero, one in ZERO_OVER_ONE
        }
        known = {name: each for name, each in logs.items() if each}
        if not known:
            raise NotMeasurable(f"needs {self.needs}")
        sides = [-side(each, tests=len(known), margin=BETTER) for each in known.values()]
        numbers = [_ratio(name, each) for name, each in known.items()]
        decided = -1 if min(sides) < 0 else max(sides)
        seeds = min(len(each) for each in known.values())
        return verdict(decided, f"Frechet distances in {space}: {told(numbers)}", numbers, seeds)


class Survives(Claim):
    """Architectures."""

    name = "wgan-survives-architectures"
    statement = "A WGAN survives an architecture that breaks a GAN: a DCGAN without BatchNorm"
    source = "Arjovsky et al. 1701.07875, sec. 4.3; Gulrajani et al. 1704.00028, sec. 5.1"
    needs = "runs of wgan-gp and gan with arch = dcgan and dcgan-nobn, and quality in a space of features"
    rank = 17

    def judge(self, evidence: Evidence) -> Verdict:
        """By what leaving BatchNorm out does to the Frechet distance of each: it breaks a GAN, and not a WGAN."""
        space = features(evidence)
        worse = {method: _without_norm(evidence, method, space) for method in ("wgan-gp", "gan")}
        if not all(worse.values()):
            raise NotMeasurable(f"needs {self.needs}")
        numbers = [_ratio(method, [*each.values()]) for method, each in worse.items()]
        difference = paired(worse["wgan-gp"], worse["gan"])
        decided = -side(difference, margin=BETTER)
        reason = f"Frechet distance without BatchNorm over that with it, in {space}: {told(numbers)}"
        return verdict(decided, reason, numbers, len(difference))


def _without_norm(evidence: Evidence, method: str, space: str) -> dict[int, float]:
    """log of the Frechet distance of a DCGAN without BatchNorm over that of one with it, by seed."""
    with_, without = (
        last_by_seed(evidence, QUALITY, in_one_setting(evidence.of(method, arch=arch)), space)
        for arch in ("dcgan", "dcgan-nobn")
    )
    return {seed: math.log(max(without[seed], SAME) / max(with_[seed], SAME)) for seed in without if seed in with_}


class KeepsModes(Claim):
    """Primal training matches all data."""

    name = "primal-loses-no-modes"
    statement = "Primal training loses no modes"
    source = "primal WGAN (assignment inside the batch)"
    needs = "runs of primal with coverage"
    rank = 15

    def judge(self, evidence: Evidence) -> Verdict:
        """By the modes that the law is known to have, else by clusters none of whose samples is served."""
        runs = needed(evidence, "primal")
        found = [*_lost(evidence, runs).values()]
        if not found:
            raise NotMeasurable(f"needs {self.needs}")
        others = {m: _lost(evidence, evidence.of(m)) for m in evidence.methods() if not m.startswith("primal")}
        keeping = [method for method, each in others.items() if each and not any(each.values())]
        numbers = [evident("modes lost", found)]
        reason = f"{told(numbers)}; {len(keeping)} of {sum(map(bool, others.values()))} other methods lose none either"
        return verdict(-1 if side(found) > 0 else 0 if any(found) else 1, reason, numbers, len(found))


def _lost(evidence: Evidence, runs: Sequence[TrainingRun]) -> dict[int, float]:
    """Modes lost at the last step, by seed; clusters stand for modes only if most of them could be seen to be lost."""
    try:
        known = last_by_seed(evidence, "coverage.modes_known", runs)
        reached = last_by_seed(evidence, "coverage.modes_reached_loose", runs)
        return {seed: known[seed] - reached[seed] for seed in known if seed in reached}
    except NotMeasurable:
        testable = float(evidence.rows("coverage.modes_testable")["value"].max())
        clusters = float(evidence.rows("kmeans.clusters")["value"].max())
        if testable < clusters / 2:
            raise NotMeasurable(
                f"needs more samples: of {clusters:.0f} clusters only {testable:.0f} hold enough to be seen lost"
            ) from None
        return last_by_seed(evidence, "coverage.modes_missing", runs)


class Memorises(Claim):
    """Generalisation."""

    name = "primal-generalises-no-better"
    statement = "Primal training does not generalise better: its samples prefer what was trained on no less"
    source = "primal WGAN (assignment inside the batch)"
    needs = "runs of primal and wgan-gp with coverage and --training-data"
    rank = 16

    def judge(self, evidence: Evidence) -> Verdict:
        """By the share of samples nearer to a training sample than to as many held-out ones: primal less wgan-gp."""
        metric = "coverage.nearer_training"
        found = [last_by_seed(evidence, metric, needed(evidence, method)) for method in ("primal", "wgan-gp")]
        difference = values(dict(enumerate(paired(*found))), self.needs)
        numbers = [evident("share nearer to training samples: primal", [*found[0].values()])]
        numbers.append(evident("wgan-gp", [*found[1].values()]))
        reason = f"{told(numbers)}; .5: no preference, {AS_NEAR}: as near"
        return verdict(side(difference, -AS_NEAR), reason, numbers, len(difference))
