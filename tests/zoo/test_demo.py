"""``wganalyze demo``: run once, end to end, and its report read; what a second call and another seed do."""

from __future__ import annotations

import contextlib
import io
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import wganalyze
from wganalyze.cli import call
from wganalyze.report.reading import Report
from wganalyze_plugins.digits import Digits
from wganalyze_zoo import Run, demo, training
from wganalyze_zoo.training import checkpoint_path

ANALYZERS = {
    "exact-w",
    "critic-gap",
    "kmeans",
    "lipschitz",
    "minibatch",
    "snapshot",
    "quality",
    "coverage",
    "sharpness",
}
STEPS = [50, 300, 700, 1200]
RUNS = ["wgan", "wgan-gp"]


def command(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command line."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = call(list(arguments))
    return code, out.getvalue(), err.getvalue()


@dataclass(frozen=True)
class Demo:
    """The demo as a user ran it."""

    folder: Path
    code: int
    out: str
    err: str

    @property
    def checkpoints(self) -> list[Path]:
        """All files that it wrote for analysis, in order."""
        return sorted((self.folder / "checkpoints").rglob("*.pt"))

    @cached_property
    def report(self) -> Report:
        """What it found."""
        return wganalyze.open_report(self.folder / "report")

    def trajectory(self, run: str, metric: str) -> pd.DataFrame:
        """The rows of one metric over the steps of one run."""
        rows = self.report.measurements
        chosen = rows[(rows["metric"] == metric) & (rows["snapshot"].str.rpartition("/")[0] == run)]
        return chosen.sort_values("step").reset_index(drop=True)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """One run for all tests of this file: a minute or so."""
    folder = tmp_path_factory.mktemp("demo") / "out of the box"
    return Demo(folder, *command("demo", "--out", str(folder)))


def test_every_cell_of_the_demo_is_ok(ran: Demo) -> None:
    assert ran.code == 0, ran.err
    rows = ran.report.measurements
    assert set(rows["snapshot"]) == {f"{run}/step_{step:06d}" for run in RUNS for step in STEPS}
    for snapshot, cells in rows.groupby("snapshot"):
        assert set(cells["analyzer"]) == ANALYZERS, snapshot
    pictures = ran.report.pictures
    for name, places in {"samples": len(RUNS) * len(STEPS), "matched": len(RUNS) * len(STEPS), "reals": 1}.items():
        assert pictures.loc[pictures["name"] == name, "snapshot"].nunique() == places, name
    # An analyzer that failed or declined leaves a row without a metric.
    assert not (rows["metric"] == "").any()
    assert ran.report.exit_code == 0
    assert set(rows["device"]) == {"cpu"} or torch.cuda.is_available()


def test_the_checkpoints_are_ordinary_ones(ran: Demo) -> None:
    folder = ran.folder / "checkpoints"
    assert ran.checkpoints == [checkpoint_path(folder / run, step) for run in RUNS for step in STEPS]
    for path in ran.checkpoints:
        content = torch.load(path, map_location="cpu", weights_only=True)
        assert content["step"] == int(path.stem.removeprefix("step_"))
        assert content["config"]["method"] == path.parent.name


def test_each_run_has_its_verdict(ran: Demo) -> None:
    verdicts = {verdict.run: verdict for verdict in ran.report.verdicts}
    assert verdicts.keys() == {*RUNS}
    for run, verdict in verdicts.items():
        assert len(verdict.labels) == len(STEPS)
        assert verdict.text.startswith("Told apart from the data at step 1200: W1 ")
        assert "The critic is not 1-Lipschitz" in verdict.text
        assert "It copies no training samples." in verdict.text
        assert f"{run}: Told apart" in " ".join(ran.out.split())


@pytest.mark.parametrize("run", RUNS)
def test_values_lie_in_their_intervals_and_above_their_certificates(ran: Demo, run: str) -> None:
    for metric in ("w1", "w2", "w1_floor", "dual_raw", "nearest_centroid"):
        rows = ran.trajectory(run, metric)
        assert list(rows["step"]) == STEPS
        if metric == "w2":  # of its median, which takes five replicates
            assert rows["ci_low"].isna().all()
            continue
        assert (rows["ci_low"] < rows["value"]).all()
        assert (rows["value"] < rows["ci_high"]).all()
    w1, lower, w2 = (ran.trajectory(run, metric)["value"] for metric in ("w1", "w1_lower", "w2"))
    assert (lower <= w1).all()
    assert (w1 <= w2).all()
    assert (ran.trajectory(run, "w1")["certificate"] == "exact").all()
    assert ran.trajectory(run, "w1_floor")["value"].nunique() == 1
    for metric in ("dual_pair", "dual_c", "dual_c_best_scale", "dual_zero"):
        assert (ran.trajectory(run, metric)["value"] <= w1 * (1 + 1e-9)).all()


@pytest.mark.parametrize("run", RUNS)
def test_brackets_of_the_lipschitz_constant_are_in_order(ran: Demo, run: str) -> None:
    lower, upper = (ran.trajectory(run, f"lipschitz_{end}")["value"] for end in ("lower", "upper"))
    assert (lower > 0).all()
    assert (lower <= upper * (1 + 1e-9)).all()
    for metric in ("lipschitz_implied", "lipschitz_pair"):
        assert (ran.trajectory(run, metric)["value"] <= upper * (1 + 1e-9)).all()


@pytest.mark.parametrize("run", RUNS)
def test_training_lowers_w1_and_does_not_reach_the_floor(ran: Demo, run: str) -> None:
    w1, floor = (ran.trajectory(run, metric)["value"].to_numpy() for metric in ("w1", "w1_floor"))
    assert w1[-1] < w1[0]
    assert (w1 > floor).all()
    # Four of four steps are told apart from held-out digits, all by the least p-value of 199 permutations.
    assert (ran.trajectory(run, "w1_pvalue")["value"] == 1 / 200).all()
    assert (ran.trajectory(run, "w1_pvalue")["message"].fillna("") == "").all()  # held-out data


def test_the_penalty_is_known_where_there_was_one(ran: Demo) -> None:
    w1, predicted = (ran.trajectory("wgan-gp", metric) for metric in ("w1", "dual_predicted"))
    assert (predicted["value"] >= w1["value"] + w1["value"] ** 2 / 20 - 1e-9).all()  # convex in W1
    assert predicted["message"].str.startswith("lambda = 10;").all()
    assert (ran.trajectory("wgan", "dual_predicted")["status"] == "skipped").all()
    assert ran.trajectory("wgan", "dual_predicted")["message"].str.startswith("trained without").all()


def test_the_modes_come_with_training(ran: Demo) -> None:
    missing = ran.trajectory("wgan-gp", "clusters_missing")["value"]
    assert missing.iloc[-1] < missing.iloc[0]


def test_the_demo_shows_its_report(ran: Demo) -> None:
    code, shown, _ = command("show", str(ran.folder / "report"))
    assert code == 0
    assert ran.out.endswith(shown)
    for run in RUNS:
        assert f"{run}/step_001200" in ran.out
    assert "findings: " in ran.out
    assert "Findings" in command("show", str(ran.folder / "report"), "--all")[1]


def test_the_command_that_it_prints_is_the_run_that_it_made(ran: Demo) -> None:
    """Every cell is reused: the same data, sizes and seed."""
    line = shlex.split(next(line for line in ran.out.splitlines() if line.startswith("wganalyze run ")))
    code, _, err = command(*line[1:])
    assert code == 0
    assert "80 of 80 cells were reused" in err


def test_a_second_call_trains_and_computes_nothing(ran: Demo) -> None:
    before = {path: path.stat().st_mtime_ns for path in ran.checkpoints}
    code, out, err = command("demo", "--out", str(ran.folder))
    assert code == 0
    assert [line for line in err.splitlines() if "trained already" in line] == [
        f"{ran.folder / 'checkpoints' / run}: trained already" for run in ("wgan-gp", "wgan")
    ]
    assert "training for" not in err
    assert "80 of 80 cells were reused" in err
    assert {path: path.stat().st_mtime_ns for path in ran.checkpoints} == before
    assert out.splitlines()[-1] == ran.out.splitlines()[-1]


# ---- without training for long


BRIEFLY = {"wgan-gp": (1, 2), "wgan": (1, 2)}
"""Both methods stop after two steps."""


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Which methods were trained."""
    names: list[str] = []
    original = training.train

    def watched(method: str, *arguments: Any, **more: Any) -> Run:
        run = original(method, *arguments, **more)
        names.extend([method] if run.trained else [])
        return run

    monkeypatch.setattr(training, "train", watched)
    return names


def weights(folder: Path) -> dict[Path, dict[str, torch.Tensor]]:
    """Of the generators of all checkpoints."""
    return {path: torch.load(path, weights_only=True)["generator"] for path in folder.rglob("*.pt")}


def test_only_what_is_missing_is_trained(tmp_path: Path, trained: list[str]) -> None:
    demo.train_all(tmp_path, seed=0, save_at=BRIEFLY)
    demo.train_all(tmp_path, seed=0, save_at=BRIEFLY)
    assert trained == ["wgan-gp", "wgan"]
    before = weights(tmp_path)
    gone = checkpoint_path(tmp_path / "wgan", 1)
    gone.unlink()
    demo.train_all(tmp_path, seed=0, save_at=BRIEFLY)
    assert trained == ["wgan-gp", "wgan", "wgan"]
    gone.write_bytes(b"PK\x03\x04 and then nothing")
    demo.train_all(tmp_path, seed=0, save_at=BRIEFLY)
    assert trained == ["wgan-gp", "wgan", "wgan", "wgan"]
    after = weights(tmp_path)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[path][key], value) for path, w in before.items() for key, value in w.items())


def test_another_seed_is_another_training(tmp_path: Path, trained: list[str]) -> None:
    """Checkpoints of the seed before are not passed off as those of this one."""
    demo.train_all(tmp_path, seed=0, save_at=BRIEFLY)
    before = checkpoint_path(tmp_path / "wgan", 2).read_bytes()
    demo.train_all(tmp_path, seed=1, save_at=BRIEFLY)
    assert trained == ["wgan-gp", "wgan"] * 2
    assert checkpoint_path(tmp_path / "wgan", 2).read_bytes() != before
    assert demo.is_of(tmp_path / "wgan-gp", 1, (1, 2))
    assert not demo.is_of(tmp_path / "wgan-gp", 0, (1, 2))
    assert not demo.is_of(tmp_path / "wgan-gp", 1, (1, 3))
    assert not demo.is_of(tmp_path / "nowhere", 1, (1, 2))


def test_the_threads_of_the_user_are_left_as_they_were(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        demo.train_all(tmp_path, seed=0, save_at=BRIEFLY)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_it_trains_on_one_half_and_is_judged_on_the_other() -> None:
    assert (demo.TRAINING_DATA, demo.DATA) == ("digits:train", "digits:held-out")
    assert Digits("held-out").held_out is True


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_text("not a folder")
    code, out, err = command("demo", "--out", str(file / "below"))
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == (
        f"Error: --out {file / 'below'}: cannot be written (Not a directory); name another folder"
    )


# ---- with several seeds


AT_ONCE = dict.fromkeys(BRIEFLY, (2,))


@dataclass(frozen=True)
class Brief:
    """A demo with two seeds whose trainings stop after two steps, and keep the second."""

    folder: Path
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Brief:
    """One run for the tests below."""
    folder = tmp_path_factory.mktemp("seeds") / "two seeds"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "SAVE_AT", AT_ONCE)
        return Brief(folder, *command("demo", "--seeds", "2", "--seed", "5", "--out", str(folder)))


def test_each_seed_of_each_method_is_a_run(brief: Brief) -> None:
    assert brief.code == 0, brief.err
    report = wganalyze.open_report(brief.folder / "report")
    folders = {f"{run}/seed={seed}" for run in RUNS for seed in (5, 6)}
    assert {verdict.run for verdict in report.verdicts} == folders
    assert set(report.measurements["snapshot"].str.rpartition("/")[0]) == folders
    for folder in folders:
        (facts,) = {entry["facts"]["config.seed"] for entry in report.run["snapshots"] if folder in entry["label"]}
        assert facts == int(folder[-1])


def test_a_seed_among_others_is_the_training_that_it_is_alone(brief: Brief, tmp_path: Path) -> None:
    demo.train_all(tmp_path, seed=6, save_at=AT_ONCE)
    for run in RUNS:
        alone = checkpoint_path(tmp_path / run, 2).read_bytes()
        assert checkpoint_path(brief.folder / "checkpoints" / run / "seed=6", 2).read_bytes() == alone


def test_the_commands_that_it_names_answer_the_questions(brief: Brief) -> None:
    named = [line.partition("wganalyze ")[2] for line in brief.out.splitlines() if line.startswith("  ")]
    answers = {arguments[0]: command(*arguments) for arguments in map(shlex.split, filter(None, named))}
    assert [*answers] == ["show", "best", "compare", "check", "page"]
    for verb, (code, out, err) in answers.items():
        assert code in (0, 1) if verb == "check" else code == 0, (verb, err)
        assert err == ""
        assert out
    assert "Best by w1: " in answers["best"][1]
    assert "2 settings, against wgan/seed=*" in answers["compare"][1]
    assert "lipschitz_lower <= 1" in answers["check"][1]
    assert (brief.folder / "page.html").stat().st_size > 1000


def test_demos_of_one_seed_and_of_several_do_not_mix(brief: Brief, tmp_path: Path) -> None:
    code, _, err = command("demo", "--out", str(brief.folder))
    assert code == 2
    assert err.strip().endswith("is of a demo with several seeds; name another folder")
    demo.train_all(tmp_path / "checkpoints", seed=0, save_at=BRIEFLY)
    code, _, err = command("demo", "--seeds", "2", "--out", str(tmp_path))
    assert code == 2
    assert err.strip().endswith("is of a demo with one seed; name another folder")
