"""How generators are called: dicts, fixed batches, sequences, inputs from data and conditions; and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.samples import Split
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.errors import CheckpointError
from wganalyze.study.feeding import Fed, latent_draw
from wganalyze.study.generator import generate
from wganalyze.study.making import prepare_generator


def snapshot(net: nn.Module, *shape: int, **latent: Any) -> Snapshot:
    """A snapshot with this generator."""
    return Snapshot("snap", 0, "step", (), make_generator=net.eval, latent=Latent(shape=shape or (4,), **latent))


def plain() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(4, 6)


def made(net: nn.Module, n: int = 23, wanted: tuple[int, ...] | None = None) -> np.ndarray:
    """Samples, (n, d), of a generator of four numbers."""
    snap = snapshot(net)
    ready = prepare_generator(snap, wanted=wanted)
    return generate(snap, n, Split("x"), seed=0, device="cpu", ready=ready)[0].points


class Formed(nn.Module):
    """Gives its samples in the form of some trainer."""

    def __init__(self, form: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.net, self.form = plain(), form

    def forward(self, z: Tensor) -> Any:
        return self.form(self.net(z))


@pytest.mark.parametrize(
    ("form", "place"),
    [
        (lambda x: {"image": x}, "image"),
        (lambda x: {"w": x[:, :3], "image": x}, "image"),
        (lambda x: {"latents": x[:, :2], "hidden": x}, "hidden"),
        (lambda x: (x[:, :2], x), "1"),
        (lambda x: (x, {"style": x[:, :2]}), "0"),
        (lambda x: {"mask": -x, "x": x}, "x"),
    ],
)
def test_what_has_the_shape_of_the_data_is_the_sample(form: Callable[[Tensor], Any], place: str) -> None:
    net = Formed(form)
    np.testing.assert_array_equal(made(net, wanted=(6,)), made(plain()))
    notes = prepare_generator(snapshot(net), wanted=(6,)).assumptions
    assert notes[0].startswith(f"generator output {place} (6,) taken as the sample")


def test_without_data_the_name_shows_it() -> None:
    np.testing.assert_array_equal(made(Formed(lambda x: {"w": x[:, :2], "fake_image": x})), made(plain()))


def test_no_output_of_the_datas_shape_is_told_with_all_shapes() -> None:
    net = Formed(lambda x: {"image": x, "mask": x[:, :3]})
    with pytest.raises(
        CheckpointError, match=r"gives image \(2, 6\), mask \(2, 3\) for 2 samples.*the data are \(5,\)"
    ):
        prepare_generator(snapshot(net), wanted=(5,))
    with pytest.raises(CheckpointError, match="gives a dict for 2 samples"):
        prepare_generator(snapshot(Formed(lambda x: {})), wanted=(5,))


class Fixed(nn.Module):
    """Reshapes to, or adds noise of, the batch of its trainer."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.net, self.how = plain(), how
        self.register_buffer("noise", torch.zeros(50, 6))

    def forward(self, z: Tensor) -> Tensor:
        if self.how == "view":
            return self.net(z.view(50, 4))  # type: ignore[no-any-return]
        if self.how == "assert":
            assert len(z) == 50
        return self.net(z) + (self.noise if self.how == "buffer" else 0)  # type: ignore[no-any-return,operator]


@pytest.mark.parametrize("how", ["view", "buffer", "assert"])
@pytest.mark.parametrize("n", [23, 50, 130])
def test_a_fixed_batch_is_found_and_filled_up(how: str, n: int) -> None:
    np.testing.assert_allclose(made(Fixed(how), n), made(plain(), n), rtol=1e-5, atol=1e-6)
    assert prepare_generator(snapshot(Fixed(how))).assumptions == (
        "the generator takes batches of 50 alone: the last one is filled up",
    )


def test_a_network_that_gives_another_number_of_samples_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"gives \(1, 12\) for 2 samples"):
        prepare_generator(snapshot(Formed(lambda x: x.reshape(1, -1))))


def test_a_convolution_has_no_latent() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 3, 3))
    with pytest.raises(CheckpointError, match=r"begins with a Conv2d of 3 channels.*no latent; say --input data"):
        prepare_generator(snapshot(net, 8, 1, 1))


def test_data_in_place_of_a_latent() -> None:
    net, x = nn.Conv2d(1, 1, 3, padding=1), np.random.default_rng(0).random((40, 1, 5, 5)).astype(np.float32)

    def feeding(latent: Latent, n: int, split: Split) -> Fed:
        return Fed(x[:n], of_data=True)

    snap = snapshot(net)
    ready = prepare_generator(snap, wanted=(1, 5, 5), feeding=feeding)
    assert ready.takes_data
    fakes, _ = generate(snap, 40, Split("x"), seed=0, device="cpu", ready=ready, feeding=feeding)
    with torch.no_grad():
        np.testing.assert_allclose(fakes.points, net(torch.from_numpy(x)).flatten(1).numpy(), rtol=1e-5, atol=1e-6)

    def wrong(latent: Latent, n: int, split: Split) -> Fed:
        return Fed(x[:n].reshape(n, 25), of_data=True)

    with pytest.raises(CheckpointError, match=r"does not take inputs of shape \(25,\)"):
        prepare_generator(snapshot(nn.Linear(4, 6)), feeding=wrong)


class Conditional(nn.Module):
    """A condition under a name of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.net = plain()

    def forward(self, noise: Tensor, *, energy: Tensor) -> Tensor:
        return self.net(noise) * energy  # type: ignore[no-any-return]


def test_a_condition_is_passed_by_name_and_stays_with_the_samples() -> None:
    energy = np.linspace(1, 2, 300, dtype=np.float32)[:, None]

    def feeding(latent: Latent, n: int, split: Split) -> Fed:
        return Fed(latent_draw(latent, n, split, 0)[0], conditions={"energy": energy[:n]})

    snap = snapshot(Conditional())
    fakes, _ = generate(snap, 300, Split("x"), seed=0, device="cpu", feeding=feeding)
    np.testing.assert_array_equal(fakes.conditions["energy"], energy)
    np.testing.assert_allclose(fakes.points, made(plain(), 300) * energy, rtol=1e-5)


class Recurrent(nn.Module):
    """A GRU over a latent of so many steps, as TimeGAN and DoppelGANger have it."""

    def __init__(self, *, batch_first: bool = True) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(4, 8, batch_first=batch_first), nn.Linear(8, 2)

    def forward(self, z: Tensor) -> Tensor:
        states, _ = self.gru(z)
        return self.head(states)  # type: ignore[no-any-return]


@pytest.mark.parametrize("wanted", [(24, 2), (1, 24, 2)])
def test_a_recurrent_generator_takes_as_many_steps_as_the_data(wanted: tuple[int, ...]) -> None:
    snap = snapshot(Recurrent())
    ready = prepare_generator(snap, wanted=wanted)
    assert ready.latent.shape == (24, 4)
    fakes, _ = generate(snap, 30, Split("x"), seed=0, device="cpu", ready=ready)
    assert fakes.shape == (24, 2)
    z, _ = latent_draw(ready.latent, 30, Split("x"), 0)
    with torch.no_grad():
        alone = snap.generator(torch.from_numpy(z[7:8]))  # type: ignore[misc]
    np.testing.assert_allclose(fakes.points[7], alone.flatten().numpy(), rtol=1e-4, atol=1e-6)


class Repeated(Recurrent):
    """Repeats one latent over its steps by itself."""

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z[:, None].expand(-1, 24, -1))


def test_a_latent_that_is_repeated_over_steps_stays_one() -> None:
    assert prepare_generator(snapshot(Repeated()), wanted=(24, 2)).latent.shape == (4,)


def test_steps_before_samples_are_refused() -> None:
    with pytest.raises(CheckpointError, match="its GRU takes the steps first and then the samples"):
        prepare_generator(snapshot(Recurrent(batch_first=False), 24, 4), wanted=(24, 2))


def test_a_recurrent_generator_without_data_asks_for_its_steps() -> None:
    with pytest.raises(CheckpointError, match="its GRU takes sequences: say --latent STEPS,4"):
        prepare_generator(snapshot(Recurrent()))


class OfSeries(nn.Module):
    """From a series of 8 channels, and one beside it, to a sound."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Conv1d(10, 1, 3, padding=1)

    def forward(self, mel: Tensor, pitch: Tensor) -> Tensor:
        return self.net(torch.cat([mel, pitch], 1))  # type: ignore[no-any-return]


def test_series_of_files_come_without_a_channel() -> None:
    """Files of arrays hold (n, a, b) as grey images, (n, 1, a, b)."""
    rng = np.random.default_rng(0)
    mel, pitch = (rng.random((40, 1, k, 16)).astype(np.float32) for k in (8, 2))

    def feeding(latent: Latent, n: int, split: Split) -> Fed:
        return Fed(mel[:n], conditions={"pitch": pitch[:n]}, of_data=True)

    snap = snapshot(OfSeries())
    ready = prepare_generator(snap, feeding=feeding)
    assert ready.assumptions == ("generator input reshaped to (8, 16)",)
    fakes, _ = generate(snap, 40, Split("x"), seed=0, device="cpu", ready=ready, feeding=feeding)
    assert fakes.shape == (1, 16)
