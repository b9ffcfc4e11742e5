"""``wganalyze claims``: what it takes, what it writes, and what it answers about a stranger's report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wganalyze.cli import call


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of samples that nobody says the method of."""
    folder = tmp_path_factory.mktemp("stranger")
    (folder / "run").mkdir()
    rng = np.random.default_rng(0)
    for step in (1, 2):
        np.save(folder / "run" / f"step_{step}.npy", rng.standard_normal((900, 2)) + 2 / step)
    sizes = ["--n", "64", "--replicates", "3", "--only", "exact-w,minibatch", "--out", str(folder / "out")]
    assert call(["run", str(folder / "run"), "--data", "swissroll", *sizes]) == 0
    return folder / "out"


def test_a_strangers_report_is_judged_as_far_as_it_goes(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert call(["claims", str(report), "--format", "json"]) == 0
    rows = {row["claim"]: row for row in json.loads(capsys.readouterr().out)}
    assert len(rows) >= 22
    assert rows["batches-farther-than-mean"]["answer"] == "refuted"  # in the plane
    assert rows["batches-farther-than-mean"]["data"] == "swissroll"
    assert rows["minibatches-overestimate"]["answer"] == "supported"
    assert rows["c-transform-nearer-to-w"]["reason"].startswith("needs a run of wgan-gp")
    assert {row["answer"] for row in rows.values()} == {"supported", "refuted", "not testable"}


def test_chosen_claims_are_shown_and_written(report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["claims", str(report), "--only", "batches-farther-than-mean", "--out", str(tmp_path / "out")]
    assert call(line) == 0
    assert "refuted" in capsys.readouterr().out
    table = pd.read_parquet(tmp_path / "out" / "claims.parquet")
    assert list(table["claim"]) == ["batches-farther-than-mean"]
    assert "**refuted**" in (tmp_path / "out" / "claims.md").read_text()
    for form in ("csv", "markdown"):
        assert call([*line, "--format", form]) == 0
        assert "batches-farther-than-mean" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "name one REPORT or more (wganalyze run PATH makes one), or --reproduce"),
        (["somewhere", "--reproduce"], "or --reproduce, and not both"),
        (["nowhere"], "nowhere: no report"),
        (["--reproduce", "--budget", "soon"], "write a time, as 20m or 2h"),
        (["--reproduce", "--data", "nowhere"], "no data source is called 'nowhere'"),
        (["--reproduce", "--out", "/proc/here"], "--out /proc/here: cannot be written"),
    ],
)
def test_what_it_does_not_take(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["claims", *arguments]) == 2
    assert reason in " ".join(capsys.readouterr().err.split())


def test_an_unknown_claim_is_named_with_those_that_there_are(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["claims", str(report), "--only", "all-is-well"]) == 2
    assert "no claim is called so; there are: batches-farther-than-centroids" in capsys.readouterr().err
