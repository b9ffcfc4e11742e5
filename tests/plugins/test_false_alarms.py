"""How often each finding is made of a perfect generator and an honest critic, and that it is made where it should be.

``python -m pytest -q tests/plugins/test_false_alarms.py -s`` prints the table of ``tests/benchmarks/README.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import torch
from scipy.stats import beta, binom
from tests.plugins.critics import MinusU
from torch import Tensor, nn

from wganalyze import Analyzer
from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.samples import Values
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import shifted_gaussians
from wganalyze_plugins.coverage import Coverage
from wganalyze_plugins.critic_gap import CriticGap
from wganalyze_plugins.dynamics.critic_training import CriticTraining
from wganalyze_plugins.dynamics.divergences import Divergences
from wganalyze_plugins.exact_w import ExactW
from wganalyze_plugins.funnel import Funnel
from wganalyze_plugins.kmeans import KMeans
from wganalyze_plugins.lipschitz import Lipschitz
from wganalyze_plugins.minibatch import MiniBatch
from wganalyze_plugins.pictures import Pictures
from wganalyze_plugins.quality import Quality
from wganalyze_plugins.sharpness import Sharpness
from wganalyze_plugins.snapshot import SnapshotAnalyzer
from wganalyze_plugins.toys import Ring8

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""

LEVELS = {
    "exact-w": {
        "told-apart": 0.05,
        "below-floor": 0.01,
        "not-exact": 0.0,
        "memorised": 0.01,
        "training-overlaps": 0.0,
    },
    "critic-gap": {
        "dual-above-w1": 0.0,
        "dual-below-w1": 0.01,
        "dual-against-known": 0.01,
        "scores-real-low": 0.01,
        "discriminator": 0.0,
        "under-scaled": 0.01,
        "steep-pair": 0.0,
        "dead-critic": 0.0,
        "right-value-wrong-direction": 0.0,
        "penalty-hidden-by-batch-norm": 0.01,
    },
    "lipschitz": {"not-1-lipschitz": 0.0, "penalty-missed": 0.01, "modes-disagree": 0.01, "vacuous-bound": 0.0},
    "kmeans": {"clusters-missing": 0.01, "clusters-overproduced": 0.01, "nearer-than-real": 0.01},
    "minibatch": {},
    "pictures": {},
    "quality": {},
    "coverage": {"modes-underserved": 0.01, "modes-lost": 0.01},
    "sharpness": {"blurred": 0.01, "noisy": 0.01},
    "divergences": {"supports-apart": 0.0},
    "gradients": {},
    "forgetting": {},
    "critic-training": {"far-from-maximum": 0.01},
    "snapshot": {"range-clash": 0.01},
}
"""Of each finding, by analyzer: how often it may be made of a perfect pair; 0: it is proved, no matter of chance."""
DESERVED = {"not-told-apart", "1-lipschitz", "right-for-the-laws"}
"""What a perfect generator is to hear."""
OPTIONS: dict[type[Analyzer], dict[str, Any]] = {
    ExactW: {"permutations": 39, "sweep": 0},
    CriticGap: {},
    Lipschitz: {"steps": 3, "samples": 16},
    KMeans: {"k": 8, "redo": 1},
    MiniBatch: {"sizes": (8,)},
    Pictures: {},
    Quality: {},
    Coverage: {"k": 8},
    Sharpness: {},
    Divergences: {"probe_steps": 50},
    CriticTraining: {"steps": 30, "samples": 32, "seconds": None},
    SnapshotAnalyzer: {},
}
SEEDS = 48
WITHOUT_FINDINGS = 3
"""Seeds for an analyzer that has no findings at all (none for those that need parameters to train)."""
FEW = {Divergences: 16}
"""Seeds for an analyzer that trains networks."""
UNLIKELY = 0.001
"""A count that a finding at its level would reach with a smaller probability is too many."""


class Linear(nn.Module):
    """Along a random direction, in float32 as it is stored."""

    def __init__(self, slope: float, dim: int, seed: int = 0) -> None:
        super().__init__()
        weight = np.random.default_rng(seed).standard_normal(dim)
        self.weight = nn.Parameter(torch.from_numpy(slope * weight / np.linalg.norm(weight)).float())

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = x @ self.weight.to(x.dtype)[:, None]
        return scores


class Map(nn.Module):
    """A generator: any function of z."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, z: Tensor) -> Tensor:
        return self.function(z)


class Stored(FiniteSource):
    """A finite data set: a function of normal z."""

    name: ClassVar[str] = "stored"
    help: ClassVar[str] = "samples of a law, for tests"
    value_range = None

    def __init__(
        self, seed: int, dim: int, law: Callable[[Tensor], Tensor], size: int, shape: tuple[int, ...] = ()
    ) -> None:
        self.shape = shape or (dim,)
        self.seed, self.law, self.count = seed, law, size

    def load(self) -> Values:
        z = np.random.default_rng([self.seed, 1]).standard_normal((self.count, *self.shape))
        return Values(self.law(torch.from_numpy(z)).reshape(len(z), -1).numpy())


def identity(z: Tensor) -> Tensor:
    return z


def clouds(z: Tensor) -> Tensor:
    """(n, 1, 8, 8) images of z (n, 1, 8, 8) that differ in contrast, as real ones do: the energy of a few decides."""
    smooth = (z + z.roll(1, -1) + z.roll(1, -2)) / 3
    return smooth * smooth[:, :, :1, :1].exp()


def ring(z: Tensor) -> Tensor:
    """The law of ring8 from z (n, 3)."""
    centres = torch.from_numpy(np.asarray(Ring8().modes.centres)).to(z.dtype)
    mode = (8 * torch.special.ndtr(z[:, 0].double())).long().clamp(max=7)
    return centres[mode] + Ring8().modes.deviation * z[:, 1:]


LAWS: dict[str, Callable[[Tensor], Tensor]] = {"normal": identity, "log-normal": torch.exp, "tanh": torch.tanh}
FUNNELS = {dim: Funnel(f"{dim},4,0") for dim in (2, 8, 32, 128)}


class Case(NamedTuple):
    """A study, and who is asked about it."""

    study: SnapshotStudy
    analyzers: tuple[type[Analyzer], ...]


def perfect(study_of: Call, change: Call, seed: int) -> Iterator[Case]:
    """Fakes of the same law, with a linear critic of slope 1; shifted ones and funnels with an optimal potential.

    Images, of white noise and of clouds; the ring.
    """
    replicates = (3, 5)[seed % 2]
    for (name, law), dim, n in zip(LAWS.items(), (2, 32, 8), (24, 24, 32), strict=True):
        source = Stored(seed, dim, law, n * (2 * replicates + 1))
        generator = nn.Sequential(nn.Identity(), nn.Tanh()) if name == "tanh" else Map(law)
        critic = Linear(1, dim, seed)
        said = {"latent": (dim,), "n": n, "replicates": replicates, "seed": seed}
        # K-Means takes most of the time.
        vectors = {*OPTIONS} - {Sharpness}
        asked = [analyzer for analyzer in OPTIONS if analyzer in vectors and (analyzer is not KMeans or name != "tanh")]
        study = study_of(source, generator, critic=critic, **said)
        # It was trained on other samples of the law, and remembers none.
        deal = replace(study.deal, trained_on=Stored(seed + 1000, dim, law, 200))
        snapshot = replace(study.snapshot, penalty=10.0)
        yield Case(SnapshotStudy(snapshot, deal), tuple(asked))
    dim = (1, 2, 16, 64)[seed % 4]
    shifted = shifted_gaussians(shift=(0.1, 3.0)[seed // 4 % 2], dim=dim, n=24, replicates=replicates, seed=seed)
    yield Case(change(shifted, orientation=(None, 1)[seed // 8 % 2]), (CriticGap,))
    # At the maximum of what it was penalised for: slope 1 + W / (2 lambda).
    distance, penalty = (0.1, 3.0)[seed // 4 % 2], (1.0, 10.0)[seed // 2 % 2]
    slope = 1 + distance / (2 * penalty)
    trained = shifted_gaussians(distance, dim, n=24, replicates=replicates, seed=seed, slope=slope)
    yield Case(change(trained, penalty=penalty), (CriticTraining,))
    funnel = FUNNELS[(2, 8, 32, 128)[seed % 4]]
    study = study_of(funnel, critic=MinusU(funnel), n=32, replicates=replicates, seed=seed)
    yield Case(study, (CriticGap, Lipschitz) if seed % 4 == 0 else (CriticGap,))
    normed = nn.Sequential(nn.BatchNorm1d(dim, affine=False), Linear(1, dim, seed))  # its statistics are the data's
    normal = Stored(seed, dim, identity, 128 * (2 * replicates + 1))
    said = {"latent": (dim,), "n": 128, "replicates": replicates, "seed": seed}
    yield Case(change(study_of(normal, Map(identity), critic=normed, **said), penalty=10.0), (CriticGap,))
    for law in (identity, clouds):
        source = Stored(seed, 64, law, 32 * (2 * replicates + 1), (1, 8, 8))
        said = {"latent": (1, 8, 8), "n": 24, "replicates": replicates, "seed": seed}
        yield Case(study_of(source, Map(law), **said), (Sharpness,))
    yield Case(study_of(Ring8(), Map(ring), latent=(3,), n=24, replicates=replicates, seed=seed), (Coverage,))


@pytest.fixture(scope="module")
def alarms(study_of: Call, change: Call, ask: Call) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """How often each finding was made of perfect pairs, and of how many each analyzer was asked."""
    made: Counter[tuple[str, str]] = Counter()
    asked: Counter[str] = Counter()
    for seed in range(SEEDS):
        for case in perfect(study_of, change, seed):
            for analyzer in case.analyzers:
                if seed >= (FEW.get(analyzer, SEEDS) if LEVELS[analyzer.name] else WITHOUT_FINDINGS):
                    continue
                outcome = ask(case.study, analyzer, **OPTIONS[analyzer])
                asked[analyzer.name] += 1
                made.update({(analyzer.name, finding.code) for finding in outcome.findings})
    return made, asked


def test_no_other_finding_is_made_of_a_perfect_pair(alarms: tuple[Counter[tuple[str, str]], Counter[str]]) -> None:
    made, _ = alarms
    declared = {(analyzer, code) for analyzer, codes in LEVELS.items() for code in codes}
    assert {key for key in made if key[1] not in DESERVED} <= declared


@pytest.mark.parametrize(
    ("analyzer", "code", "level"), [(a, code, level) for a, codes in LEVELS.items() for code, level in codes.items()]
)
def test_a_false_alarm_is_no_more_frequent_than_is_declared(
    alarms: tuple[Counter[tuple[str, str]], Counter[str]], analyzer: str, code: str, level: float
) -> None:
    made, asked = alarms
    count = made[analyzer, code]
    assert count == 0 if level == 0 else binom.sf(count - 1, asked[analyzer], level) > UNLIKELY


def test_the_table(alarms: tuple[Counter[tuple[str, str]], Counter[str]]) -> None:
    """Printed with -s."""
    made, asked = alarms
    lines = ["| analyzer | finding | declared level | rate | at most (95%) | perfect pairs |", "| --- " * 6 + "|"]
    for analyzer, codes in LEVELS.items():
        for code, level in codes.items():
            count, of = made[analyzer, code], asked[analyzer]
            most = float(beta.ppf(0.95, count + 1, of - count))
            declared = f"{level:.0%}" if level else "never"
            lines.append(f"| {analyzer} | {code} | {declared} | {count / of:.2%} | {most:.2%} | {of} |")
        if not codes:
            lines.append(f"| {analyzer} | none | | | | {asked[analyzer]} |")
    assert len(lines) == 2 + sum(max(1, len(codes)) for codes in LEVELS.values())  # one says that there are none
    print("\n" + "\n".join(lines))


# ---- where they are to be made

DIM, N, REPLICATES = 32, 60, 5
QUICK = {"permutations": 99, "sweep": 0}


def off(study_of: Call, generator: Callable[[Tensor], Tensor], seed: int, **more: Any) -> SnapshotStudy:
    """A generator of normal data in 32 dimensions that is not perfect."""
    source = Stored(seed, DIM, identity, N * (2 * REPLICATES + 1))
    said = {"latent": (DIM,), "n": N, "replicates": REPLICATES, "seed": seed, **more}
    study: SnapshotStudy = study_of(source, Map(generator), **said)
    return study


def memory(seed: int, dim: int, size: int) -> Callable[[Tensor], Tensor]:
    """Yields the data themselves."""
    points = torch.from_numpy(Stored(seed, dim, identity, size).load().values)

    def remember(z: Tensor) -> Tensor:
        share = torch.special.ndtr(z[:, 0].double())
        return points[(share * len(points)).long().clamp(max=len(points) - 1)].to(z.dtype)

    return remember


def collapse(z: Tensor) -> Tensor:
    """One mode: the half space with z_1 > 0 is left out."""
    return torch.cat([-z[:, :1].abs() - 1, z[:, 1:]], dim=1)


def shift(z: Tensor) -> Tensor:
    return z + 0.5


def blur(z: Tensor) -> Tensor:
    return 0.7 * z


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("generator", "codes"),
    [
        (collapse, {"told-apart"}),
        (shift, {"told-apart"}),
        (blur, {"told-apart", "below-floor"}),
    ],
)
def test_exact_w_finds_what_is_wrong_with_a_generator(
    study_of: Call, ask: Call, findings: Call, generator: Any, codes: set[str], seed: int
) -> None:
    said = findings(ask(off(study_of, generator, seed), ExactW, **QUICK))
    assert set(said) == codes
    side = "BELOW" if "below-floor" in codes else "above"
    assert f"it lies {side} the floor" in said["told-apart"].message
    assert "below-floor" not in codes or "averaged (blurred): generated" in said["below-floor"].message


@pytest.mark.parametrize("seed", range(3))
def test_exact_w_finds_a_memory(study_of: Call, ask: Call, findings: Call, seed: int) -> None:
    """Each real sample of a replicate is one of 11 that are remembered; under the eyes of held-out data there is none.

    A tenth of W1 is above the noise of five replicates of 100 samples in 64 dimensions.
    """
    size, dim = 100 * (2 * REPLICATES + 1), 64
    said = {"latent": (dim,), "n": 100, "replicates": REPLICATES, "seed": seed}
    for data_seed in (seed, seed + 100):
        generator = Map(memory(seed, dim, size))
        found = findings(ask(study_of(Stored(data_seed, dim, identity, size), generator, **said), ExactW, **QUICK))
        if data_seed == seed:
            assert "memorised: " in found["below-floor"].message
        else:
            assert "below-floor" not in found


@pytest.mark.parametrize("seed", range(3))
def test_kmeans_finds_what_is_wrong_with_a_generator(study_of: Call, ask: Call, findings: Call, seed: int) -> None:
    assert "nearer-than-real" in findings(ask(off(study_of, blur, seed), KMeans, k=8))
    source = Stored(seed, 2, lambda z: 3 * torch.sign(z) + 0.1 * z, N * (2 * REPLICATES + 1))
    one_mode = Map(lambda z: 3 + 0.1 * z)
    study = study_of(source, one_mode, n=N, replicates=REPLICATES, seed=seed)
    assert {"clusters-missing", "clusters-overproduced"} <= set(findings(ask(study, KMeans, k=4)))


@pytest.mark.parametrize("seed", range(3))
def test_coverage_finds_what_is_wrong_with_a_generator(study_of: Call, ask: Call, findings: Call, seed: int) -> None:
    def half(z: Tensor) -> Tensor:
        return ring(torch.cat([-z[:, :1].abs(), z[:, 1:]], dim=1))

    study = study_of(Ring8(), Map(half), latent=(3,), n=N, replicates=REPLICATES, seed=seed)
    assert {"modes-underserved", "modes-lost"} == set(findings(ask(study, Coverage, k=8)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("real", "fake", "code"), [(identity, clouds, "blurred"), (clouds, identity, "noisy")])
def test_sharpness_finds_what_is_wrong_with_a_generator(
    study_of: Call, ask: Call, findings: Call, real: Any, fake: Any, code: str, seed: int
) -> None:
    source = Stored(seed, 64, real, N * (2 * REPLICATES + 1), (1, 8, 8))
    study = study_of(source, Map(fake), latent=(1, 8, 8), n=N, replicates=REPLICATES, seed=seed)
    assert set(findings(ask(study, Sharpness))) == {code}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("slope", "code"), [(2.0, "dual-above-w1"), (0.3, "dual-below-w1"), (1.0, "")])
def test_critic_gap_finds_what_is_wrong_with_a_critic(
    ask: Call, findings: Call, slope: float, code: str, seed: int
) -> None:
    study = shifted_gaussians(shift=5, dim=4, n=60, replicates=REPLICATES, seed=seed, slope=slope)
    why = {"under-scaled"} if slope < 1 else set()
    assert set(findings(ask(study, CriticGap))) == ({code, *why} if code else set())


@pytest.mark.parametrize("scale", [0.2, 3.0, 1.0])
def test_critic_gap_finds_a_loss_that_is_not_the_known_distance(
    study_of: Call, ask: Call, findings: Call, scale: float
) -> None:
    funnel = FUNNELS[2]
    found = findings(ask(study_of(funnel, critic=MinusU(funnel, scale), n=200, replicates=REPLICATES), CriticGap))
    assert ("dual-against-known" in found) == (scale != 1)
    assert ("dual-above-w1" in found) == (scale > 1)


def test_critic_gap_finds_a_dead_critic_and_a_steep_one(change: Call, ask: Call, findings: Call) -> None:
    study = shifted_gaussians(shift=0.2, n=60, replicates=REPLICATES, slope=3)
    assert "steep-pair" in findings(ask(study, CriticGap)) or "dual-above-w1" in findings(ask(study, CriticGap))
    assert "dead-critic" in findings(ask(change(study, Map(lambda x: 0 * x[:, :1])), CriticGap))


def test_critic_gap_finds_a_sign_that_was_turned(change: Call, ask: Call, findings: Call) -> None:
    study = change(shifted_gaussians(shift=3, n=60, slope=-1), orientation=None)
    assert "scores-real-low" in findings(ask(study, CriticGap))


def test_snapshot_finds_two_scales(study_of: Call, ask: Call, findings: Call) -> None:
    source = Stored(0, 8, lambda z: 3 * torch.tanh(3 * z), 300)
    narrow = nn.Sequential(nn.Identity(), Map(lambda z: 5 * z), nn.Tanh())
    said = {"latent": (8,), "n": 60, "replicates": 2}
    found = findings(ask(study_of(source, narrow, **said), SnapshotAnalyzer))["range-clash"]
    assert (found.level, "--range" in found.message) == ("warning", True)
    linear = findings(ask(study_of(source, Map(lambda z: 0.2 * z), **said), SnapshotAnalyzer))["range-clash"]
    assert (linear.level, "--range" in linear.message) == ("info", False)
