"""--infer on real checkpoints: what is accepted is what the authors describe (MANIFEST.md), and the rest is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from wganalyze.contracts.data import DataSource
from wganalyze.contracts.samples import Preprocessing
from wganalyze.contracts.snapshot import Latent
from wganalyze.host.loading import load_host
from wganalyze.inference import infer_critics, infer_generators
from wganalyze.networks.building import build
from wganalyze.networks.design import Design
from wganalyze.networks.draft import Draft
from wganalyze.networks.factories import Net
from wganalyze.networks.piece import Piece
from wganalyze.running.sizes import make_deal
from wganalyze.settings.facts import Said

pytestmark = pytest.mark.field

FACTORIES = Path(__file__).with_name("factories.py")
HOST = load_host()
NORMALIZE = ((0.1307,), (0.3081,))


def mnist(field: Path) -> DataSource:
    """The test images."""
    return HOST.data_source(f"idx:{field}/mnist-t10k/t10k-images-idx3-ubyte.gz")


def piece(path: Path, prefix: str = "") -> Piece:
    """A network in a file."""
    return Piece(HOST.loaders["torch-state-dict"].open(path)[0], prefix)


def snapshot(label: str, generator: Piece, critic: Piece, latent: tuple[int, ...]) -> Draft:
    """A moment of which only the latent is known."""
    unbuilt = {"generator": generator, "critic": critic}
    files = (generator.part.path, critic.part.path)
    return Draft(label, None, "", files, latent=Latent("normal", latent), unbuilt=unbuilt)


def inferred(snapshots: Sequence[Draft], source: DataSource, said: Said) -> list[Draft]:
    """As a run does it: generators, the plan of the data, critics."""
    normalize = said.get("normalize")
    scale = None if normalize is None else Preprocessing.normalize(source.value_range or (0, 1), *normalize)
    generating = infer_generators(snapshots, source, HOST.architectures, scale)
    return infer_critics(generating, make_deal(source, said, generating[-1]), HOST.architectures)


def assert_is(after: Draft, before: Draft, role: str, factory: str, x: Tensor) -> str:
    """What was inferred gives what the authors' architecture gives; returns what was assumed of it."""
    made = getattr(after, f"make_{role}")
    assert made is not None, after.missing
    named = build(before.unbuilt[role], Design(Net(factory=f"{FACTORIES}:{factory}")), role)
    with torch.no_grad():
        ours, theirs = made()(x).flatten(), named(x).flatten()
        # A critic's sigmoid does not show in its keys.
        ours = ours.sigmoid() if factory == "KwdahunDiscriminator" else ours
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    return next(text for text in after.assumptions if text.startswith(f"{role}: architecture inferred"))


def errors(text: str) -> tuple[float, float]:
    """The error of the reading and of the next best."""
    match = re.search(r"\(error ([\d.]+), next best ([\d.]+)\)", text)
    assert match is not None, text
    return float(match[1]), float(match[2])


def test_a_wgan_gp_by_its_batch_norm(field: Path) -> None:
    folder = field / "wgan-gp-akanametov"
    before = snapshot("akanametov", piece(folder / "generator.pt"), piece(folder / "critic.pt"), (64, 1, 1))
    (after,) = inferred([before], mnist(field), Said())
    for role, factory, x in (
        ("generator", "AkanametovGenerator", torch.randn(20, 64, 1, 1)),
        ("critic", "AkanametovCritic", torch.randn(20, 1, 28, 28)),
    ):
        error, next_best = errors(assert_is(after, before, role, factory, x))
        assert error < 0.04
        assert next_best > 2 * error


def test_three_moments_of_a_dcgan_share_a_reading(field: Path) -> None:
    epochs = [field / f"dcgan-kwdahun/checkpoint_epoch_{epoch}.pth" for epoch in (10, 50, 100)]
    before = [snapshot(p.stem, piece(p, "generator."), piece(p, "discriminator."), (100, 1, 1)) for p in epochs]
    after = inferred(before, mnist(field), Said(normalize=NORMALIZE))
    for now, then in zip(after, before, strict=True):
        for role, factory, x in (
            ("generator", "KwdahunGenerator", torch.randn(20, 100, 1, 1)),
            ("critic", "KwdahunDiscriminator", torch.randn(20, 1, 28, 28)),
        ):
            error, next_best = errors(assert_is(now, then, role, factory, x))
            assert error < 0.03
            assert next_best > 2 * error
    assert len({text for snapshot in after for text in snapshot.assumptions}) == 2


def test_on_data_of_another_scale_its_critic_fits_no_reading(field: Path) -> None:
    """The trainer normalised the data beyond the range of its generator: [-1, 1] is not what the critic saw."""
    path = field / "dcgan-kwdahun/checkpoint_epoch_50.pth"
    before = snapshot("kwdahun", piece(path, "generator."), piece(path, "discriminator."), (100, 1, 1))
    generator = Design(Net(factory=f"{FACTORIES}:KwdahunGenerator"))
    known = replace(before, make_generator=lambda: build(before.unbuilt["generator"], generator, "generator"))
    source = mnist(field)
    (after,) = infer_critics([known], make_deal(source, Said(range=(-1.0, 1.0)), known), HOST.architectures)
    assert after.make_critic is None
    assert "no usual reading fits; the nearest is Conv(1-32 k4 s2 p1) leaky_relu" in after.missing["critic"]


def test_networks_without_batch_norm_are_refused_with_the_choice(field: Path) -> None:
    folder = field / "gan-mlp-yunhdan"
    before = snapshot("yunhdan", piece(folder / "generator.pth", "gen."), piece(folder / "discriminator.pth"), (100,))
    source = mnist(field)
    (after,) = infer_generators([before], source, HOST.architectures)
    assert after.make_generator is None
    reason = after.missing["generator"]
    assert "by the energy distance of its samples to the data" in reason
    assert "Linear(100-256) relu Linear(256-256) relu Linear(256-784) tanh: --generator" in reason
    (after,) = infer_critics([before], make_deal(source, Said(), None), HOST.architectures)
    assert "6 readings fit about equally well" in after.missing["critic"]
    assert "Linear(784-256) leaky_relu(0.2)" in after.missing["critic"]
