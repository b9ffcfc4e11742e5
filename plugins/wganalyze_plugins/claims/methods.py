"""Claims about methods: which constraint helps which loss, which architectures survive, what primal training does."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wganalyze import Claim, Evidence, Evident, NotMeasurable, TrainingRun, Verdict
from wganalyze_plugins.claims.deciding import (
    QUALITY,
    evident,
    features,
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


def _ended_early(runs: Sequence[TrainingRun]) -> int:
    """Runs whose last snapshot lies before the step that their trainer had planned."""
    return sum(bool(run.steps) and run.steps[-1] < int(run.facts.get("steps", 0)) for run in runs)


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
        numbers, sides, seeds, early = [], [], [], []
        for loss in LOSSES:
            plain = evidence.of(loss)
            for constraint in CONSTRAINTS:
                added = evidence.of(f"{loss}+{constraint}")
                logs = _compared(evidence, added, plain, space)
                if logs:
                    numbers.append(_ratio(f"{loss}+{constraint}", logs))
                    sides.append(-side(logs))
                    seeds.append(len(logs))
                    early.append(f"{_ended_early(added)} of {len(added)}")
        if not sides:
            raise NotMeasurable(f"needs {self.needs}")
        decided = 1 if min(sides) > 0 else -1 if min(sides) < 0 else 0
        reason = f"Frechet distance over that without, in {space}: {told(numbers)}; ended by NaN: {', '.join(early)}"
        return verdict(decided, reason, numbers, min(seeds))


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
            f"{zero} / {one}": _compared(evidence, evidence.of(zero), evidence.of(one), space)
            for zero, one in ZERO_OVER_ONE
        }
        known = {name: each for name, each in logs.items() if each}
        if not known:
            raise NotMeasurable(f"needs {self.needs}")
        sides = [-side(each) for each in known.values()]
        numbers = [_ratio(name, each) for name, each in known.items()]
        decided = -1 if min(sides) < 0 else max(sides)
        seeds = min(len(each) for each in known.values())
        return verdict(decided, f"Frechet distances in {space}: {told(numbers)}", numbers, seeds)


class Survives(Claim):
    """Architectures."""

    name = "wgan-survives-architectures"
    statement = "A WGAN survives architectures that break a GAN (no BatchNorm, an MLP)"
    source = "Arjovsky et al. 1701.07875, sec. 4.3; Gulrajani et al. 1704.00028, sec. 5.1"
    needs = "runs of wgan-gp and gan with arch = dcgan-nobn (or mlp), and quality in a space of features"
    rank = 17

    def judge(self, evidence: Evidence) -> Verdict:
        """By the Frechet distance of wgan-gp over that of gan on each architecture without BatchNorm."""
        space = features(evidence)
        logs = {
            arch: _compared(evidence, evidence.of("wgan-gp", arch=arch), _bare(evidence, arch), space)
            for arch in ("dcgan-nobn", "mlp")
        }
        known = {arch: each for arch, each in logs.items() if each}
        if not known:
            raise NotMeasurable(f"needs {self.needs}")
        numbers = [_ratio(arch, each) for arch, each in known.items()]
        sides = [-side(each) for each in known.values()]
        decided = 1 if min(sides) > 0 else -1 if min(sides) < 0 else 0
        reason = f"Frechet distance of wgan-gp over gan in {space}: {told(numbers)}"
        return verdict(decided, reason, numbers, min(len(each) for each in known.values()))


def _bare(evidence: Evidence, arch: str) -> list[TrainingRun]:
    """The GANs on an architecture, those without BatchNorm in the generator."""
    return [run for run in evidence.of("gan", arch=arch) if not run.facts.get("batch_norm", 0)]


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
        lost = _lost(evidence, runs)
        if not lost:
            raise NotMeasurable(f"needs {self.needs}")
        found = [*lost.values()]
        others = {m: _lost(evidence, evidence.of(m)) for m in evidence.methods() if not m.startswith("primal")}
        keeping = [method for method, each in others.items() if each and not any(each.values())]
        numbers = [evident("modes lost", found)]
        reason = f"{told(numbers)}; {len(keeping)} of {sum(map(bool, others.values()))} other methods lose none either"
        return verdict(-1 if side(found) > 0 else 0 if any(found) else 1, reason, numbers, len(found))


def _lost(evidence: Evidence, runs: Sequence[TrainingRun]) -> dict[int, float]:
    try:
        known = last_by_seed(evidence, "coverage.modes_known", runs)
        reached = last_by_seed(evidence, "coverage.modes_reached_loose", runs)
        return {seed: known[seed] - reached[seed] for seed in known if seed in reached}
    except NotMeasurable:
        return last_by_seed(evidence, "coverage.modes_missing", runs)


class Memorises(Claim):
    """Generalisation."""

    name = "primal-generalises-no-better"
    statement = "Primal training does not generalise better: its samples lie as near to the training data, or nearer"
    source = "primal WGAN (assignment inside the batch)"
    needs = "runs of primal and wgan-gp with coverage and --training-data"
    rank = 16

    def judge(self, evidence: Evidence) -> Verdict:
        """By the distance to the nearest training sample, over that of held-out reals: primal less wgan-gp."""
        metric = "coverage.neighbour_ratio"
        found = [last_by_seed(evidence, metric, needed(evidence, method)) for method in ("primal", "wgan-gp")]
        difference = values(dict(enumerate(paired(*found))), self.needs)
        numbers = [evident("neighbour ratio of primal", [*found[0].values()])]
        numbers.append(evident("of wgan-gp", [*found[1].values()]))
        return verdict(-side(difference), told(numbers), numbers, len(difference))
