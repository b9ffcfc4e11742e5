"""Training: what it writes, that it is the same every time, interrupted or not, and what it says of wrong requests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.zoo.training.conftest import brief, points, read, tensors
from torch import Tensor

from wganalyze import DataError, UsageError, data_source
from wganalyze_zoo import METHODS, Method, train
from wganalyze_zoo.losses import Numbers, Potential
from wganalyze_zoo.training import Progress, checkpoint_path, files
from wganalyze_zoo.training import train as module

TRAINED = [name for name, method in METHODS.items() if method.fit is None]
FITTED = [name for name, method in METHODS.items() if method.fit is not None]


class Told(Progress):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.saves: list[tuple[str, int, float]] = []
        self.begun: list[tuple[str, int, int]] = []

    def begin(self, name: str, folder: Path, done: int, steps: int) -> None:
        self.begun.append((name, done, steps))

    def stepped(self, step: int) -> None:
        self.steps.append(step)

    def saved(self, path: Path, step: int, estimate: float) -> None:
        self.saves.append((path.name, step, estimate))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_writes_plain_checkpoints(name: str, tmp_path: Path) -> None:
    moments = (1,) if name in FITTED else (3, 1, 5)
    told = Told()
    run = brief(name, tmp_path / "a" / "b", *moments, progress=told)
    assert (run.outcome, run.trained, run.step) == ("complete", True, max(moments))
    assert list(run.checkpoints) == [checkpoint_path(tmp_path / "a" / "b", step) for step in sorted(moments)]
    assert {path.name for path in run.folder.iterdir()} == {
        *(path.name for path in run.checkpoints), "training.json", "wganalyze.toml"
    }  # fmt: skip
    assert [(step) for _, step, _ in told.saves] == sorted(moments)
    assert told.steps == [*range(1, max(moments) + 1)]
    for path, (_, step, estimate) in zip(run.checkpoints, told.saves, strict=True):
        content = read(path)
        assert set(content) <= {"generator", "critic", "step", "config"}
        assert ("critic" in content) == (METHODS[name].loss.critic is not None)
        assert content["step"] == step
        config = content["config"]
        assert all(isinstance(value, str | int | float) for value in config.values())
        assert config.items() >= run.settings.items()
        assert config["estimate"] == estimate
        assert (config["method"], config["seed"], config["steps"]) == (name, 0, max(moments))
        assert config["gradient_penalty"] == (10 if name in ("wgan-gp", "wgan-lp") else 0)
        assert ("k" in config and "measure" in config) == (name == "began")


@pytest.mark.parametrize("name", [*TRAINED, "gan+all"])
def test_two_trainings_are_equal_bit_for_bit(name: str, tmp_path: Path) -> None:
    """Whatever was drawn before, and however often it is saved on the way; another seed is another training."""
    more: dict[str, Any] = {}
    if name == "gan+all":
        more = {"constraints": ["sn", "zero"], "feature_matching": True, "minibatch_discrimination": True,
                "label_smoothing": 0.9}  # fmt: skip
    method = name.split("+")[0]
    torch.manual_seed(1)
    first = brief(method, tmp_path / "first", 2, 4, **more).checkpoints[-1]
    torch.manual_seed(2)
    again = brief(method, tmp_path / "again", 4, **more).checkpoints[-1]
    other = brief(method, tmp_path / "other", 4, seed=1, **more).checkpoints[-1]
    expected = tensors(first)
    assert all(torch.equal(expected[key], value) for key, value in tensors(again).items())
    assert not any(torch.equal(expected[key], v) for key, v in tensors(other).items() if v.ndim > 1 and "weight" in key)


def test_f_gan_of_js_follows_the_trajectory_of_minus_log_d(tmp_path: Path) -> None:
    runs = [brief(name, tmp_path / name, 30) for name in ("gan", "fgan-js")]
    first, second = (tensors(run.checkpoints[-1]) for run in runs)
    assert all(torch.allclose(first[key], second[key], rtol=1e-4, atol=1e-6) for key in first)


def test_random_state_and_threads_are_left_as_they_were(tmp_path: Path) -> None:
    torch.manual_seed(3)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        brief("wgan-gp", tmp_path, 2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("arch", ["dcgan", "dcgan-nobn"])
@pytest.mark.parametrize("name", ["gan", "wgan-gp", "sngan", "ebgan", "wgan-c", "primal-stratified"])
def test_convolutions(name: str, arch: str, tmp_path: Path) -> None:
    run = train(name, "digits:train", tmp_path, save_at=(2,), arch=arch, batch=8, width=4, latent_dim=4)
    keys = tensors(run.checkpoints[0])
    normed = {key.split(".")[0] for key in keys if "running_mean" in key}
    plain = name in ("gan", "wgan-c")
    assert normed == (set() if arch == "dcgan-nobn" else {"generator", "critic"} if plain else {"generator"})


@pytest.mark.parametrize(("name", "normed"), [("gan", True), ("wgan-gp", False)])
def test_the_preset_says_whether_an_mlp_has_batch_norm_and_nobn_takes_it_out(
    name: str, normed: bool, tmp_path: Path
) -> None:
    for arch, expected in (("mlp", normed), ("mlp-nobn", False)):
        run = train(name, "digits:train", tmp_path / arch, save_at=(2,), arch=arch, batch=8, width=4, latent_dim=4)
        assert any("running_mean" in key for key in tensors(run.checkpoints[0])) == expected


def test_a_law_is_trained_on_as_it_is_and_a_range_is_mapped_onto_the_cube(tmp_path: Path) -> None:
    law = brief("primal", tmp_path / "law", 1, data="ring8")
    assert any("unbounded" in key for key in tensors(law.checkpoints[0]))
    finite = brief("primal", tmp_path / "finite", 1, data=data_source("digits:train"))
    assert not any("unbounded" in key for key in tensors(finite.checkpoints[0]))
    assert (tmp_path / "law" / "wganalyze.toml").read_text().splitlines()[2:4] == ["[data]", 'source = "ring8"']
    assert 'training = "digits"' in (tmp_path / "finite" / "wganalyze.toml").read_text()


# ---- again, and after an interruption


def test_a_finished_training_is_left_alone(tmp_path: Path) -> None:
    run = brief("gan", tmp_path, 1, 3)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = brief("gan", tmp_path, 1, 3)
    assert again == replace(run, trained=False)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_what_was_taken_away_or_damaged_is_made_again(tmp_path: Path) -> None:
    before = {path: tensors(path) for path in brief("gan", tmp_path, 1, 3).checkpoints}
    for spoil in (Path.unlink, lambda path: path.write_bytes(b"PK\x03\x04 and then nothing")):
        spoil(checkpoint_path(tmp_path, 1))
        assert brief("gan", tmp_path, 1, 3).trained
        for path, expected in before.items():
            assert all(torch.equal(value, expected[key]) for key, value in tensors(path).items())


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"seed": 1}, "--seed: {} holds a training with seed 0, not 1;"),
        ({"constraints": ["sn"]}, "NAME: {} holds a training with method gan, not gan+sn;"),
        ({"batch": 8}, "--batch: {} holds a training with batch 16, not 8;"),
        ({"data": points(50)}, "--data: {} holds a training with data"),
        ({"label_smoothing": 0.9}, "NAME: {} holds a training with method gan, not gan+smoothed;"),
    ],
)
def test_other_settings_into_the_same_folder_are_named(more: dict[str, Any], said: str, tmp_path: Path) -> None:
    brief("gan", tmp_path, 2)
    with pytest.raises(UsageError) as error:
        brief("gan", tmp_path, 2, **more)
    assert str(error.value).startswith(said.format(tmp_path))
    assert str(error.value).endswith("name another folder, or say --restart")
    assert brief("gan", tmp_path, 2, restart=True, **more).trained


def test_a_state_without_its_record_is_not_taken_up(tmp_path: Path) -> None:
    brief("gan", tmp_path / "other", 2)
    (tmp_path / "gan").mkdir()
    files.write_resume(tmp_path / "gan", {"step": 1, "generator": {}})
    first, second = brief("gan", tmp_path / "gan", 2), tmp_path / "other" / "step_000002.pt"
    assert all(torch.equal(value, tensors(second)[key]) for key, value in tensors(first.checkpoints[0]).items())


class Interrupted(Progress):
    """Breaks off at a step."""

    def __init__(self, at: int) -> None:
        self.at = at

    def stepped(self, step: int) -> None:
        if step == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["gan-noise", "began", "sngan", "wgan-gp", "primal-stratified"])
def test_a_resumed_training_equals_an_uninterrupted_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted at any step, also between two checkpoints: it goes on from where it last wrote."""
    monkeypatch.setattr(module_of_train(), "SECONDS", 0.0)
    monkeypatch.setattr(module_of_train(), "SHARE", 1e9)
    whole = brief(name, tmp_path / "whole", 2, 8)
    for at in (2, 4, 7):
        with pytest.raises(KeyboardInterrupt):
            brief(name, tmp_path / "cut", 2, 8, progress=Interrupted(at))
    told = Told()
    cut = brief(name, tmp_path / "cut", 2, 8, progress=told)
    assert told.begun == [(name, 6, 8)]
    for first, second in zip(whole.checkpoints, cut.checkpoints, strict=True):
        assert read(first)["config"] == read(second)["config"]
        expected = tensors(first)
        assert all(torch.equal(expected[key], value) for key, value in tensors(second).items())
    assert not (tmp_path / "cut" / files.RESUME).exists()


def module_of_train() -> Any:
    """The module, which the package's function of that name hides."""
    return sys.modules[module.__module__]


SCRIPT = """
import sys
from wganalyze_zoo import train
import wganalyze_zoo.training.train
sys.modules["wganalyze_zoo.training.train"].SECONDS = 0.05
train("wgan-gp", "digits:train", sys.argv[1], save_at=(20, 100000), batch=16, width=16)
"""


def test_a_killed_process_goes_on_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL of a real process, at some step; what it left is taken to 20 steps behind that, here."""
    folder = tmp_path / "cut"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)], env={**os.environ, "OMP_NUM_THREADS": "1"})
    end = time.monotonic() + 60
    while not checkpoint_path(folder, 20).exists() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    state = files.read_resume(folder)
    assert state is not None
    stop = state["step"] + 20
    assert state["step"] >= 20

    def until_stopped(out: Path) -> dict[str, Tensor]:
        class Stopped(Progress):
            def stepped(self, step: int) -> None:
                if step == stop:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train("wgan-gp", "digits:train", out, save_at=(20, 100000), batch=16, width=16, progress=Stopped())
        found = files.read_resume(out)
        assert found is not None
        assert found["step"] == stop - 1
        return {f"{net}.{key}": value for net in ("generator", "critic") for key, value in found[net].items()}

    monkeypatch.setattr(module_of_train(), "SECONDS", 0.0)
    monkeypatch.setattr(module_of_train(), "SHARE", 1e9)
    resumed, whole = until_stopped(folder), until_stopped(tmp_path / "whole")
    assert resumed.keys() == whole.keys()
    assert all(torch.equal(value, whole[key]) for key, value in resumed.items())
    assert read(checkpoint_path(folder, 20))["config"] == read(checkpoint_path(tmp_path / "whole", 20))["config"]


# ---- how it can end


def test_nan_is_an_outcome(tmp_path: Path) -> None:
    """A loss that is no number from the third step on: the checkpoint before stays, none is written after."""
    calls = []

    def failing(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
        calls.append(1)
        return -critic(fake).mean() / (len(calls) <= 2) if len(calls) <= 2 else -critic(fake).mean() * float("nan")

    method = replace(METHODS["gan"], loss=replace(METHODS["gan"].loss, generator=failing))
    run = brief(method, tmp_path, 1, 2, 5)
    assert (run.outcome, run.step) == ("nan", 2)
    assert [path.name for path in run.checkpoints] == ["step_000001.pt", "step_000002.pt"]
    assert all(bool(value.isfinite().all()) for path in run.checkpoints for value in tensors(path).values())
    record = json.loads((tmp_path / "training.json").read_text())
    assert (record["outcome"], record["step"]) == ("nan", 2)
    again = brief(method, tmp_path, 1, 2, 5)
    assert (again.outcome, again.trained) == ("nan", False)


def test_weights_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    from wganalyze_zoo import Constraint

    def spoil(critic: torch.nn.Module, weight: float) -> None:
        next(critic.parameters()).data.fill_(float("inf"))

    method = replace(METHODS["primal"], loss=METHODS["wgan"].loss, constraints=(Constraint("spoil", "", after=spoil),))
    run = brief(method, tmp_path, 1)
    assert (run.outcome, run.checkpoints) == ("nan", ())


def test_a_clipped_critic_is_in_its_box(tmp_path: Path) -> None:
    for path in brief("wgan", tmp_path, 1, 2, 5).checkpoints:
        content = read(path)
        assert all((value.abs() <= torch.tensor(0.05)).all() for value in content["critic"].values())
        assert any(float(value.abs().max()) > 0.05 for value in content["generator"].values())


@pytest.mark.parametrize("name", ["wgan-gp", "wgan", "gan", "primal", "wgan-c"])
def test_training_brings_the_samples_to_the_data(name: str, tmp_path: Path) -> None:
    """A cloud near a corner of the cube: what the primal distance says of batches falls."""
    told = Told()
    brief(name, tmp_path, 1, 150, width=64, progress=told)
    from wganalyze_zoo.networks import MlpGenerator

    distances = []
    for path in (checkpoint_path(tmp_path, step) for step in (1, 150)):
        state = read(path)["generator"]
        generator = MlpGenerator(4, 6, 64, batch_norm=any("running" in key for key in state))
        generator.load_state_dict(state)
        with torch.no_grad():
            z = torch.randn(500, 4, generator=torch.Generator().manual_seed(6))
            distances.append(float((generator.eval()(z).mean(0) - points().mean(0)).norm()))
    assert distances[1] < distances[0] / 2


# ---- wrong requests


@pytest.mark.parametrize(
    ("method", "more", "said"),
    [
        ("gann", {}, "no method is called 'gann'; there are: gan, gan-saturating,"),
        ("gan", {"loss": "mmd"}, "--loss mmd: there is no such loss; choose began,"),
        ("gan", {"constraints": ["slope"]}, "--constraint slope: choose clip, gp, lp, div, zero, sn"),
        ("gan", {"arch": "resnet"}, "--arch resnet: choose mlp, mlp-nobn, dcgan, dcgan-nobn"),
        ("gan", {"arch": "dcgan"}, "--arch dcgan: needs square images of an even side, not samples of shape (6,);"),
        ("gan", {"preset": "best"}, "--preset best: choose toy or published"),
        ("primal", {"preset": "published"}, "--preset published: primal has none; leave it out"),
        ("primal", {"constraints": ["sn"]}, "--constraint: primal has no critic; leave it out"),
        ("primal", {"feature_matching": True}, "--feature-matching: primal has no critic; leave it out"),
        ("wgan", {"label_smoothing": 0.9}, "--label-smoothing 0.9: wgan takes none;"),
        ("gan", {"label_smoothing": 0.3}, "--label-smoothing 0.3: the label of reals lies above .5"),
        ("began", {"minibatch_discrimination": True}, "--minibatch-discrimination: the critic of began"),
        ("kmeans", {"loss": "gan"}, "kmeans is fitted, not trained"),
        ("kmeans", {"steps": 7}, "--steps: kmeans is fitted in one step"),
        ("gan", {"steps": 0}, "--steps, --save-at"),
        ("gan", {"steps": 3, "save_at": (5,)}, "--save-at 5: the training ends at step 3"),
        ("gan", {"save_at": (0, 5)}, "--steps, --save-at 0, 5: steps are counted from 1"),
        ("gan", {"batch": 1}, "--batch 1: is too small"),
        ("gan", {"device": "tpu"}, "--device tpu: choose auto, cpu or cuda"),
    ],
)
def test_wrong_requests_are_answered_in_a_line(method: str, more: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        train(method, points(), tmp_path / "out", **{"steps": 2, **more} if "save_at" not in more else more)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_data_that_cannot_be_trained_on(tmp_path: Path) -> None:
    for data in (torch.full((4, 2), float("nan")), torch.zeros(0, 3), torch.zeros(5)):
        with pytest.raises(UsageError, match=r"samples \(n, ...\) of finite values are needed"):
            train("gan", data, tmp_path / "out", steps=1)
    with pytest.raises((DataError, UsageError), match="digit"):
        train("gan", "digit", tmp_path / "out", steps=1)


@pytest.mark.parametrize(
    ("method", "more", "label"),
    [
        ("gan", {"constraints": ["sn"]}, "gan+sn"),
        ("gan", {"constraints": ["zero"]}, "gan+zero"),
        ("gan", {"constraints": ["gp"]}, "gan+gp"),
        ("wgan", {"constraints": ["sn"]}, "wgan+sn"),
        ("wgan-gp", {"constraints": ["sn", "zero"]}, "wgan+sn+zero"),
        ("wgan-gp", {"loss": "gan"}, "gan+gp"),
        ("sngan", {"loss": "gan"}, "gan+sn"),
        ("gan", {"loss": "sngan"}, "hinge"),
        ("wgan", {"loss": "primal"}, "primal"),
        ("wgan-gp", {}, "wgan-gp"),
        ("sngan", {"constraints": []}, "hinge"),
        ("gan-noise", {"constraints": ["sn"]}, "gan-noise+sn"),
        ("gan", {"feature_matching": True, "minibatch_discrimination": True, "label_smoothing": 0.9},
         "gan+smoothed+features+minibatch"),
    ],
)  # fmt: skip
def test_a_run_is_called_by_what_it_does(method: str, more: dict[str, Any], label: str, tmp_path: Path) -> None:
    settings = brief(method, tmp_path, 1, **more).settings
    assert settings["method"] == label


def test_a_loss_brings_its_constants(tmp_path: Path) -> None:
    settings = brief("gan", tmp_path, 1, loss="ebgan", data="digits:train").settings
    assert (settings["method"], settings["constants"]) == ("ebgan", "margin 0.1")


def test_an_interrupted_save_leaves_the_earlier_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = brief("wgan-gp", tmp_path, 1).checkpoints
    before = path.read_bytes()

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_checkpoint(tmp_path, {"generator": {"w": torch.ones(3)}, "critic": {}, "step": 1}, {})
    assert path.read_bytes() == before


def test_a_method_of_ones_own(tmp_path: Path) -> None:
    method = Method("mine", "", METHODS["wgan"].loss, METHODS["wgan"].toy)
    assert brief(method, tmp_path, 2).settings["method"] == "mine"
