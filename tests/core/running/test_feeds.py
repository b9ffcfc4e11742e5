"""Generators that are given data and conditions, run as a user does: rows stay together; what does not fit is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import wganalyze
from wganalyze.errors import UsageError
from wganalyze.report.reading import Report

NETS = """\
import torch
from torch import nn


class Upscale(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Upsample(scale_factor=2), nn.Conv2d(1, 1, 1))


def Denoise():
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1))


class Pix(nn.Module):
    # As pix2pix has it: the image behind what it was made from, as channels, to a map of patches.
    def __init__(self):
        super().__init__()
        self.net = nn.Conv2d(2, 1, 4, 2, 1)

    def forward(self, image, source):
        return self.net(torch.cat([image, nn.functional.interpolate(source, scale_factor=2)], 1))


class Shower(nn.Module):
    # As getting_high has it: energies go beside the noise, and beside the shower.
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(5, 3)

    def forward(self, noise, energy):
        return self.net(torch.cat([noise, energy], 1))


class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(4, 1)

    def forward(self, shower, energy):
        return self.net(torch.cat([shower, energy], 1))


class Vocoder(nn.Module):
    # As HiFi-GAN has it: from 80 mel bands to 4 times as many samples of sound.
    def __init__(self):
        super().__init__()
        self.conv_pre = nn.utils.weight_norm(nn.Conv1d(80, 8, 7, 1, 3))
        self.up = nn.utils.weight_norm(nn.ConvTranspose1d(8, 4, 8, 4, 2))
        self.conv_post = nn.utils.weight_norm(nn.Conv1d(4, 1, 7, 1, 3))

    def forward(self, mel):
        return torch.tanh(self.conv_post(torch.relu(self.up(torch.relu(self.conv_pre(mel))))))


class Series(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, z):
        return self.head(self.lstm(z)[0])
"""

Call = Callable[..., Report]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Saves fresh weights of these classes of NETS, and runs on them with what is said."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)

    def run(generator: str, critic: str | None = None, **said: Any) -> Report:
        there: dict[str, Any] = {}
        exec(NETS, there)
        torch.manual_seed(0)
        (tmp_path / "ckpt").mkdir(exist_ok=True)
        torch.save(there[generator]().state_dict(), tmp_path / "ckpt" / "generator.pt")
        if critic is not None:
            torch.save(there[critic]().state_dict(), tmp_path / "ckpt" / "critic.pt")
            said["critic"] = f"nets.py:{critic}"
        said = {"replicates": 2, "only": "snapshot,critic-gap" if critic else "snapshot,exact-w", **said}
        return wganalyze.run("ckpt", generator=f"nets.py:{generator}", **said)

    return run


def pairs(n: int = 300) -> dict[str, np.ndarray]:
    """Small images and the large ones that they were made from."""
    large = np.random.default_rng(0).random((n, 1, 8, 8)).astype(np.float32)
    return {"large": large, "small": large.reshape(n, 1, 4, 2, 4, 2).mean((3, 5))}


def failures(report: Report) -> list[str]:
    """Why cells failed or were skipped; a number that is not there by itself has a reason beside its name."""
    rows = report.measurements
    return [*rows[rows.metric == ""].message]


def told(report: Report) -> str:
    return " ".join(report.findings["message"])


def test_super_resolution_with_a_critic_of_pairs(call: Call) -> None:
    np.savez("pairs.npz", **pairs())
    named = {"data": "npz:pairs.npz#large", "input": "npz:pairs.npz#small"}
    report = call("Upscale", "Pix", condition={"source": "npz:pairs.npz#small"}, **named)
    assert (report.exit_code, failures(report)) == (0, [])
    assert "a map of 4x4 scores a sample, as of a PatchGAN" in told(report)
    assert "the generator takes no condition source" in told(report)
    assert "reals are 150 of the rows" in told(report)
    assert report.measurements["n_split"].max() == 30  # of half of the rows: 150 // 5


def test_an_input_of_its_own_rows_belongs_to_none(call: Call) -> None:
    np.savez("pairs.npz", **pairs())
    np.save("other.npy", pairs(200)["small"])
    report = call("Upscale", data="npz:pairs.npz#large", input="npy:other.npy")
    assert failures(report) == []
    assert "of the rows" not in told(report)
    assert report.measurements["n_split"].max() == 40


def test_images_to_images_are_recognised_and_refused_with_what_to_say(call: Call) -> None:
    np.save("images.npy", pairs()["large"])
    with pytest.raises(UsageError, match=r"0\.weight, is a Conv2d that takes images of 1 channel: .*say --input data"):
        call("Denoise", data="npy:images.npy")
    report = call("Denoise", data="npy:images.npy", input="data")
    assert failures(report) == []
    assert "latent" not in told(report)


def test_bytes_are_brought_to_the_critics_range_on_both_sides(call: Call) -> None:
    np.save("images.npy", (255 * pairs()["large"]).astype(np.uint8))
    report = call("Denoise", data="npy:images.npy", input="data", range=(-1, 1))
    values = report.measurements.set_index("metric")["value"]
    assert values["real_min"] >= -1
    assert abs(values["fake_min"]) < 3


def test_conditions_that_are_no_class(call: Call) -> None:
    rng = np.random.default_rng(0)
    energy = rng.uniform(1, 2, (300, 1)).astype(np.float32)
    np.savez("showers.npz", showers=rng.normal(size=(300, 3)).astype(np.float32) * energy, energy=energy)
    report = call(
        "Shower", "Judge", data="npz:showers.npz#showers", condition="npz:showers.npz#energy", latent=4,
        latent_law="uniform:0,1", only=["snapshot", "critic-gap", "lipschitz", "coverage"],
    )  # fmt: skip
    assert (report.exit_code, failures(report)) == (0, [])
    values = report.measurements
    assert {"critic-gap", "lipschitz"} <= {*values.analyzer}
    absent = values.set_index("metric")["message"]
    assert "a conditional critic" in absent["lipschitz_upper"]


def test_a_vocoder_is_given_spectrograms(call: Call) -> None:
    rng = np.random.default_rng(0)
    np.savez("sound.npz", mel=rng.normal(size=(200, 80, 16)).astype("f4"), wave=rng.uniform(-1, 1, (200, 1, 64)))
    report = call("Vocoder", data="npz:sound.npz#wave", input="npz:sound.npz#mel")
    assert failures(report) == []


def test_series_of_a_recurrent_generator(call: Call) -> None:
    np.save("series.npy", np.random.default_rng(0).normal(size=(200, 12, 2)).astype("f4"))
    report = call("Series", data="npy:series.npy")
    assert failures(report) == []
    assert "latent shape (12, 4): the LSTM takes sequences" in told(report)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"input": "npy:images.npy"}, "--input stands beside --data: say --data NAME too"),
        ({"condition": "npy:images.npy"}, "--condition stands beside --data"),
        ({"data": "npy:images.npy", "condition": {"c": "npy:few.npy"}}, "--condition c: 20 rows, the data have 300"),
        ({"data": "ring8", "condition": "npy:few.npy"}, "--condition: it belongs to the data row by row, and a law"),
        (
            {"data": "npy:images.npy", "condition": "npy:images.npy", "input": "npy:few.npy"},
            "--input: 20 rows, --condition has 300",
        ),
    ],
)
def test_rows_that_do_not_fit(call: Call, said: dict[str, Any], message: str) -> None:
    np.save("images.npy", pairs()["large"])
    np.save("few.npy", pairs(20)["large"])
    with pytest.raises(UsageError, match=message):
        call("Upscale", latent=4, **said)


def test_too_few_rows_of_an_input_bound_the_samples(call: Call) -> None:
    np.save("images.npy", pairs()["large"])
    with pytest.raises(wganalyze.WganalyzeError, match=r"images\.npy has 150 for reals: at most --n 30"):
        call("Denoise", data="npy:images.npy", input="data", n=31)


def test_a_perfect_map_is_no_nearer_than_the_floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The identity on data of one law: were its inputs the reals themselves, W1 would be 0 and below its floor."""
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(NETS)
    np.save("images.npy", pairs(3000)["large"][:, :, :2, :2])
    found = []
    for seed in range(6):
        there: dict[str, Any] = {}
        exec(NETS, there)
        net = there["Denoise"]()
        with torch.no_grad():
            for layer in (net[0], net[1]):
                layer.weight.zero_()
                layer.bias.zero_()
                layer.weight[0, 0, 1, 1] = 1
        Path("ckpt").mkdir(exist_ok=True)
        torch.save(net.state_dict(), "ckpt/generator.pt")
        report = wganalyze.run(
            "ckpt", generator="nets.py:Denoise", data="npy:images.npy", input="data", only="exact-w", n=200,
            replicates=2, seed=seed, out=f"r{seed}",
        )  # fmt: skip
        values = report.measurements.set_index("metric")["value"]
        found.append(values["w1"] / values["w1_floor"])
        assert not {*report.findings["code"]} & {"below-floor"}
    assert 0.9 < np.mean(found) < 1.1
