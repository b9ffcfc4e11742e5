"""--infer: what is accepted computes what the original computed; what cannot be told apart is refused, and laid out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.contracts.measurement import Finding
from wganalyze.contracts.samples import Preprocessing, Values
from wganalyze.contracts.snapshot import Latent
from wganalyze.inference import infer_critics, infer_generators
from wganalyze.networks.building import build
from wganalyze.networks.design import Design
from wganalyze.networks.draft import Draft
from wganalyze.networks.factories import Net
from wganalyze.networks.piece import Piece
from wganalyze.running.sizes import make_deal
from wganalyze.settings.facts import Said
from wganalyze_zoo.chain import Chain

CHAIN = {"chain": Chain()}
SIDE = 8
Z = 8


class Blobs(FiniteSource):
    """Bytes of 600 images with one soft blob each."""

    name: ClassVar[str] = "blobs"
    help: ClassVar[str] = "for tests"
    shape = (1, SIDE, SIDE)
    value_range = (0.0, 255.0)

    def load(self) -> Values:
        rng = np.random.default_rng(0)
        grid = np.stack(np.meshgrid(*[np.arange(SIDE)] * 2, indexing="ij"))
        centre, width = rng.uniform(2, 6, (600, 2, 1, 1)), rng.uniform(1, 3, (600, 1, 1))
        return Values((255 * np.exp(-((grid - centre) ** 2).sum(1) / width**2)).astype(np.uint8).reshape(600, -1))


BLOBS = Blobs()


def real(low: float = -1.0) -> Tensor:
    """The images as networks see them."""
    scale = Preprocessing.to_range((0, 255), low, 1)
    return torch.from_numpy(scale.apply(BLOBS.everything.values, BLOBS.shape)).reshape(-1, *BLOBS.shape)


def randomised(net: nn.Module, seed: int) -> nn.Module:
    """Weights as of a network that was trained: no two channels alike."""
    torch.manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.7)
            module.num_batches_tracked.fill_(5000)
        elif isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.02, module.weight[0].numel() ** -0.5)
    return net


def trained(generator: nn.Module, critic: nn.Module, z_shape: tuple[int, ...], low: float = -1.0) -> None:
    """Both after rounds of training, as far as their norms are concerned: critics see real and fake in turn."""
    torch.manual_seed(3)
    images = real(low)
    with torch.no_grad():
        for _ in range(60):
            fake = generator.train()(torch.randn(64, *z_shape))
            critic.train()(images[torch.randint(len(images), (64,))].reshape(fake.shape))
            critic(fake)
    generator.eval()
    critic.eval()


def piece(net: nn.Module, name: str) -> Piece:
    """The weights of a network as a loader gives them."""
    stored = {key: value.clone() for key, value in net.state_dict().items()}
    keys = {key: TensorSpec(tuple(value.shape), "float32") for key, value in stored.items()}
    return Piece(Part(Path(name), "test", keys=keys, read_tensors=lambda: stored))


def snapshot(latent: tuple[int, ...] = (Z,), label: str = "s", **nets: nn.Module) -> Draft:
    """A moment whose networks are of unknown architecture."""
    unbuilt = {role: piece(net, f"{role}.pt") for role, net in nets.items()}
    missing = dict.fromkeys(unbuilt, "unknown")
    return Draft(label, None, "", (), latent=Latent("normal", latent), unbuilt=unbuilt, missing=missing)


def inferred_critic(critic: nn.Module, generator: nn.Module, low: float = -1.0, **said: Any) -> Draft:
    """The snapshot with what was inferred of its critic, its generator known."""
    before = replace(snapshot(critic=critic), make_generator=lambda: generator)
    deal = make_deal(BLOBS, Said(n=60, replicates=3, range=(low, 1.0), **said), before)
    return infer_critics([before], deal, CHAIN)[0]


def mlp_generator(act: nn.Module, out: nn.Module) -> nn.Sequential:
    """Two norms see activations."""
    return nn.Sequential(
        nn.Linear(Z, 48), nn.BatchNorm1d(48), act, nn.Linear(48, 48), nn.BatchNorm1d(48), act,
        nn.Linear(48, 48), nn.BatchNorm1d(48), act, nn.Linear(48, SIDE * SIDE), out,
    )  # fmt: skip


def mlp_critic(act: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(SIDE * SIDE, 48), act, nn.Linear(48, 48), nn.BatchNorm1d(48), act,
        nn.Linear(48, 48), nn.BatchNorm1d(48), act, nn.Linear(48, 1),
    )  # fmt: skip


def conv_critic(act: nn.Module) -> nn.Sequential:
    """Strides and paddings that are not the only ones."""
    return nn.Sequential(
        nn.Conv2d(1, 24, 4, 2, 1), act, nn.Conv2d(24, 32, 3, 1, 1), nn.BatchNorm2d(32), act,
        nn.Conv2d(32, 40, 3, 1, 1), nn.BatchNorm2d(40), act, nn.Conv2d(40, 1, 4),
    )  # fmt: skip


def outputs(net: nn.Module, x: Tensor) -> Tensor:
    """What it gives, flat."""
    with torch.no_grad():
        return net(x).flatten()


def assert_same(after: Draft, role: str, original: nn.Module, x: Tensor) -> str:
    """The network that was inferred gives what the original gives; returns what was assumed."""
    made = getattr(after, f"make_{role}")
    assert made is not None, after.missing
    torch.testing.assert_close(outputs(made(), x), outputs(original, x), rtol=1e-4, atol=1e-4)
    assert not made().training
    assert role not in after.missing
    assert role not in after.unbuilt
    assert after.designs[role].startswith(f"{role}.pt: factory wganalyze_zoo.chain:rebuild(")
    assert after.findings[-1] == Finding("warning", "inferred", f"assumed: {after.assumptions[-1]}")
    return after.assumptions[-1]


def pair(generated: nn.Module, judged: nn.Module, out: nn.Module | None = None, low: float = -1.0) -> list[nn.Module]:
    """A generator and a critic of vectors, with these activations."""
    generator = randomised(mlp_generator(generated, out or nn.Tanh()), 1)
    critic = randomised(mlp_critic(judged), 2)
    trained(generator, critic, (Z,), low)
    return [generator, critic]


def test_a_pair_is_inferred_and_explained() -> None:
    generator, critic = pair(nn.ELU(), nn.LeakyReLU(0.2))
    (after,) = infer_generators([snapshot(generator=generator, critic=critic)], BLOBS, CHAIN)
    text = assert_same(after, "generator", generator, torch.randn(50, Z))
    assert re.fullmatch(
        r"generator: architecture inferred from keys and shapes: Linear\(8-48\) BN elu Linear\(48-48\) BN elu "
        r"Linear\(48-48\) BN elu Linear\(48-64\) tanh; chosen by what the critic's BatchNorm remembers of its samples "
        r"\(error 0\.0\d+, next best 0\.\d+\)",
        text,
    )
    assert after.missing == {"critic": "unknown"}
    after = inferred_critic(critic, generator)
    text = assert_same(after, "critic", critic, real()[:50].flatten(1))
    assert text.startswith("critic: architecture inferred from keys and shapes: Linear(64-48) leaky_relu(0.2) Linear")
    assert "; chosen by the stored statistics of its BatchNorm inputs (error 0.0" in text
    assert text.endswith("; an activation at its end would not show and is left off")


def test_the_range_of_the_samples_is_known_from_the_critic() -> None:
    """Sigmoid and data in [0, 1], where nobody said either; a critic that the user names may say it as well."""
    generator, critic = pair(nn.ReLU(), nn.LeakyReLU(0.2), nn.Sigmoid(), low=0.0)
    z = torch.randn(50, Z)
    known = replace(snapshot(generator=generator), make_critic=lambda: critic)
    for before in (snapshot(generator=generator, critic=critic), known):
        (after,) = infer_generators([before], BLOBS, CHAIN)
        assert " sigmoid; chosen by what the critic" in assert_same(after, "generator", generator, z)
    (alone,) = infer_generators([snapshot(generator=generator)], BLOBS, CHAIN)
    assert alone.make_generator is None
    assert "3 readings fit about equally well" in alone.missing["generator"]


def test_a_scale_that_the_user_knows_is_taken() -> None:
    """A trainer that normalised the data by other numbers than the generator's range."""
    scale = Preprocessing.normalize((0.0, 255.0), (0.13,), (0.31,))
    generator, critic = randomised(mlp_generator(nn.ELU(), nn.Tanh()), 1), randomised(mlp_critic(nn.ELU()), 2)
    torch.manual_seed(3)
    images = torch.from_numpy(scale.apply(BLOBS.everything.values, BLOBS.shape))
    with torch.no_grad():
        for _ in range(60):
            fake = generator.train()(torch.randn(64, Z))
            critic.train()(images[torch.randint(len(images), (64,))])
            critic(fake)
    before = snapshot(generator=generator.eval(), critic=critic.eval())
    (silent,) = infer_generators([before], BLOBS, CHAIN)
    assert silent.make_generator is None
    (after,) = infer_generators([before], BLOBS, CHAIN, scale)
    assert_same(after, "generator", generator, torch.randn(50, Z))


def test_strides_and_paddings_are_found() -> None:
    generator = nn.Sequential(*mlp_generator(nn.ELU(), nn.Tanh()), nn.Unflatten(1, BLOBS.shape))
    critic = conv_critic(nn.LeakyReLU(0.2))
    trained(randomised(generator, 1), randomised(critic, 2), (Z,))
    after = inferred_critic(critic, generator)
    text = assert_same(after, "critic", critic, real()[:50])
    assert "Conv(1-24 k4 s2 p1) leaky_relu(0.2) Conv(24-32 k3 s1 p1) BN" in text


ACTIVATIONS: Mapping[str, nn.Module] = {
    "relu": nn.ReLU(), "0.2": nn.LeakyReLU(0.2), "0.01": nn.LeakyReLU(0.01), "0.1": nn.LeakyReLU(0.1), "elu": nn.ELU(),
    "gelu": nn.GELU(), "silu": nn.SiLU(), "tanh": nn.Tanh(), "0.13": nn.LeakyReLU(0.13), "celu": nn.CELU(2.0),
    "logsigmoid": nn.LogSigmoid(), "tanhshrink": nn.Tanhshrink(), "0.35": nn.LeakyReLU(0.35),
}  # fmt: skip


def random_pair(rng: np.random.Generator) -> tuple[list[nn.Module], float]:
    """Any depth, width, order, epsilon and activations, some of which nobody would try; and the data's lowest value."""

    def hidden(wide: int, width: int, act: nn.Module, eps: float, early: bool, norm: bool) -> list[nn.Module]:
        norms: list[nn.Module] = [nn.BatchNorm1d(width, eps)] if norm else []
        return [nn.Linear(wide, width), *([act, *norms] if early else [*norms, act])]

    nets = []
    low = float(rng.choice([-1.0, 0.0]))
    for wide, narrow, end in ((Z, SIDE * SIDE, [nn.Tanh() if low else nn.Sigmoid()]), (SIDE * SIDE, 1, [])):
        act, width = ACTIVATIONS[str(rng.choice([*ACTIVATIONS]))], int(rng.integers(16, 64))
        eps, early = float(rng.choice([1e-5, 0.8])), bool(rng.integers(2))
        layers: list[nn.Module] = []
        for i in range(int(rng.integers(2, 4))):
            layers += hidden(width if i else wide, width, act, eps, early, norm=bool(rng.integers(5)))
        nets.append(nn.Sequential(*layers, nn.Linear(width, narrow), *end))
    return nets, low


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_accepted_is_right(seed: int) -> None:
    (generator, critic), low = random_pair(np.random.default_rng(seed))
    trained(randomised(generator, seed), randomised(critic, seed + 100), (Z,), low)
    (after,) = infer_generators([snapshot(generator=generator, critic=critic)], BLOBS, CHAIN)
    if after.make_generator is not None:
        assert_same(after, "generator", generator, torch.randn(50, Z))
    after = inferred_critic(critic, generator, low)
    if after.make_critic is not None:
        assert_same(after, "critic", critic, real(low)[:50].flatten(1))


# What is refused


def refusal(after: Draft, role: str) -> str:
    """Why nothing was inferred, in one line."""
    assert getattr(after, f"make_{role}") is None
    reason = after.missing[role]
    assert reason.startswith(f"{role}.pt: no architecture inferred: ")
    assert "\n" not in reason
    assert after.assumptions == ()
    assert after.findings == ()
    return reason


def test_a_critic_without_norms_is_refused_and_the_choice_is_laid_out() -> None:
    critic = randomised(nn.Sequential(nn.Linear(64, 9), nn.LeakyReLU(0.2), nn.Linear(9, 1)), 1)
    generator = nn.Sequential(nn.Linear(Z, 64), nn.Tanh())
    reason = refusal(inferred_critic(critic, generator), "critic")
    assert "6 readings fit about equally well; choose " in reason
    first, second = re.findall(r"--critic '(.*?)'", reason)
    assert (first, second) == (
        'wganalyze_zoo.chain:rebuild(activation="leaky_relu(0.2)")',
        'wganalyze_zoo.chain:rebuild(activation="relu")',
    )
    x = torch.randn(20, 64)
    built = build(piece(critic, "critic.pt"), Design(Net(factory=first)), "critic")
    torch.testing.assert_close(outputs(built, x), outputs(critic, x))


def test_what_has_no_activations_needs_no_evidence() -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    text = assert_same(
        inferred_critic(critic, nn.Sequential(nn.Linear(Z, 64), nn.Tanh())), "critic", critic, real()[:9]
    )
    assert "Linear(64-1); its sizes allow no other usual reading" in text


def test_data_of_another_scale_fit_no_reading() -> None:
    generator, critic = pair(nn.ELU(), nn.LeakyReLU(0.2))
    reason = refusal(inferred_critic(critic, generator, low=0.0), "critic")
    assert "no usual reading fits; the nearest is " in reason


def test_statistics_that_have_not_settled_are_not_used() -> None:
    generator, critic = pair(nn.ELU(), nn.LeakyReLU(0.2))
    next(m for m in critic.modules() if isinstance(m, nn.BatchNorm1d)).num_batches_tracked.fill_(332)  # type: ignore[operator]
    assert "its BatchNorm saw 332 batches; below 1000" in refusal(inferred_critic(critic, generator), "critic")


def test_a_chain_that_is_none_and_a_host_without_proposers() -> None:
    lone = snapshot(generator=nn.Sequential(nn.Linear(Z, 64), nn.LayerNorm(64)))
    (after,) = infer_generators([lone], BLOBS, CHAIN)
    assert "1 has one number a channel and no running statistics" in refusal(after, "generator")
    (after,) = infer_generators([lone], BLOBS, {})
    assert "no installed plugin proposes readings" in refusal(after, "generator")


def test_conditional_networks_are_refused() -> None:
    before = replace(snapshot(generator=nn.Linear(Z + 10, 64)), latent=Latent("normal", (Z,), classes=10))
    (after,) = infer_generators([before], BLOBS, CHAIN)
    assert "conditional" in refusal(after, "generator")


def test_a_generator_of_samples_of_another_size_is_said() -> None:
    _, critic = pair(nn.ELU(), nn.ELU())
    reason = refusal(inferred_critic(critic, nn.Sequential(nn.Linear(Z, 32), nn.Tanh())), "critic")
    assert "the generator makes samples of 32 numbers, the data have 64" in reason


# Without norms, by nearness


class Numbers(FiniteSource):
    """Standard normal numbers."""

    name: ClassVar[str] = "numbers"
    help: ClassVar[str] = "for tests"
    shape = (1,)
    value_range = None

    def load(self) -> Values:
        return Values(np.random.default_rng(5).normal(size=(1000, 1)))


def test_without_norms_a_generator_is_known_by_its_samples() -> None:
    """An affine map of normal numbers: a sigmoid or a tanh behind it would make two lumps of them."""
    generator = nn.Sequential(nn.Linear(1, 1))
    nn.init.constant_(generator.get_parameter("0.weight"), 5.0)
    (after,) = infer_generators([snapshot((1,), generator=generator)], Numbers(), CHAIN)
    text = assert_same(after, "generator", generator, torch.randn(50, 1))
    assert "Linear(1-1); chosen by the energy distance of its samples to the data (error 0.00" in text


def test_samples_unlike_the_data_speak_for_no_reading() -> None:
    generator = randomised(nn.Sequential(nn.Linear(Z, 20), nn.ReLU(), nn.Linear(20, 64), nn.Tanh()), 1)
    (after,) = infer_generators([snapshot(generator=generator)], BLOBS, CHAIN)
    assert "no usual reading fits; the nearest is Linear(8-20)" in refusal(after, "generator")


# Many snapshots


def test_one_reading_for_a_layout_by_the_last_that_can_be_read() -> None:
    generator, critic = pair(nn.ELU(), nn.LeakyReLU(0.2))
    young = randomised(mlp_generator(nn.ReLU(), nn.Tanh()), 7).eval()
    broken = mlp_generator(nn.ELU(), nn.Tanh())
    nn.init.constant_(broken.get_parameter("0.weight"), float("nan"))
    run: Sequence[Draft] = [
        snapshot(label="1", generator=young),
        snapshot(label="2", generator=generator, critic=critic),
        snapshot(label="3", generator=broken),
        snapshot(label="4"),
    ]
    first, second, third, last = infer_generators(run, BLOBS, CHAIN)
    z = torch.randn(20, Z)
    assert_same(second, "generator", generator, z)
    assert first.designs == second.designs == third.designs
    assert first.assumptions == second.assumptions == third.assumptions
    assert first.make_generator is not None
    torch.testing.assert_close(
        outputs(first.make_generator(), z),
        outputs(_elu_of(young), z),
    )
    assert last is run[3]
    (alone,) = infer_generators([run[2]], BLOBS, CHAIN)
    assert "NaN or infinity" in refusal(alone, "generator")


def _elu_of(net: nn.Module) -> nn.Module:
    other = mlp_generator(nn.ELU(), nn.Tanh())
    other.load_state_dict(net.state_dict())
    return other.eval()
