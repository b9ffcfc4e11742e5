"""Claims about methods: which architectures they survive, and what primal training does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from wganalyze import Claim, Evidence, NotMeasurable, TrainingRun, Verdict
from wganalyze_plugins.claims.deciding import (
    every,
    evident,
    features,
    in_one_setting,
    last_by_seed,
    last_log_by_seed,
    needed,
    paired,
    ratio,
    side,
    told,
    values,
    verdict,
)

ARCHITECTURES = {"dcgan-nobn": "a DCGAN without BatchNorm", "mlp-nobn": "an MLP"}
BROKEN = math.log(2)
"""Of a Frechet distance over that of a DCGAN with BatchNorm, from which on an architecture has broken a method."""
AS_NEAR = 0.05
"""Difference of two shares that counts as none."""


class Survives(Claim):
    """Architectures."""

    name = "wgan-survives-architectures"
    statement = "A WGAN survives architectures that break a GAN: a DCGAN without BatchNorm, and an MLP without it"
    source = "Arjovsky et al. 1701.07875, sec. 4.3, figures 6 and 7; Gulrajani et al. 1704.00028, sec. 5.1"
    needs = "runs of wgan-gp and gan with arch = dcgan, and dcgan-nobn or mlp-nobn, and quality in a space of features"
    rank = 17

    def judge(self, evidence: Evidence) -> Verdict:
        """By their Frechet distances over those of a DCGAN: each architecture is to double a GAN's, not a WGAN's."""
        space = features(evidence)
        worse = {
            (method, arch): _worse(evidence, method, arch, space)
            for arch in ARCHITECTURES
            for method in ("wgan-gp", "gan")
        }
        tested = [arch for arch in ARCHITECTURES if worse["wgan-gp", arch] and worse["gan", arch]]
        if not tested:
            raise NotMeasurable(f"needs {self.needs}")
        told_of, numbers, parts = [], [], []
        for arch in tested:
            wgan, gan = worse["wgan-gp", arch], worse["gan", arch]
            parts += [[BROKEN - each for each in wgan], [each - BROKEN for each in gan]]
            shown = [ratio("wgan-gp", wgan), ratio("gan", gan)]
            told_of.append(f"{ARCHITECTURES[arch]}: {told(shown)}")
            numbers += [replace(number, name=f"{number.name}, {arch}") for number in shown]
        reason = f"Frechet distance over that of a DCGAN with BatchNorm, in {space}, of {'; of '.join(told_of)}"
        missing = [words for arch, words in ARCHITECTURES.items() if arch not in tested]
        if missing:
            reason += f"; {', '.join(missing)}: no runs"
        decided = min(every(parts), 0) if missing else every(parts)
        return verdict(decided, f"{reason}; broken from 2", numbers, min(map(len, parts)))


def _worse(evidence: Evidence, method: str, arch: str, space: str) -> list[float]:
    """log of the Frechet distance on an architecture over that on a DCGAN after as many steps, by seed."""
    usual = in_one_setting(evidence.of(method, arch="dcgan"))
    planned = {run.facts.get("steps") for run in usual}
    other = in_one_setting(run for run in evidence.of(method, arch=arch) if run.facts.get("steps") in planned)
    return paired(*(last_log_by_seed(evidence, runs, space) for runs in (other, usual)))


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
