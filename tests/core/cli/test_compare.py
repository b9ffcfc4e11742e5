"""``wganalyze compare``: two reports of real networks, in every form."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import wganalyze

Command = Callable[..., Any]


def test_the_forms_say_the_same(command: Command, trainer: Any) -> None:
    assert command(*trainer.run("--only", "exact-w", "--replicates", "3")).code == 0
    other = trainer.folder.with_name("other")
    trainer.folder.rename(other)
    again = [*trainer.run("--only", "exact-w", "--replicates", "3")]
    again[1] = str(other)
    (other / "G_step_10.pt").write_bytes((other / "G_step_2.pt").read_bytes())
    assert command(*again).code == 0
    pair = [trainer.report, other.with_name("other-report")]
    answer = command("compare", *pair, "--metric", "w2", "--metric", "w1")
    assert (answer.code, answer.err) == (0, "")
    assert "2 runs, against ckpt" in answer.out
    frame = pd.read_csv(io.StringIO(command("compare", *pair, "--metric", "w2", "--format", "csv").out))
    assert [*frame["run"]] == ["ckpt-report", "other-report"]
    records = json.loads(command("compare", *pair, "--metric", "w2", "--format", "json").out)
    assert [record["value"] for record in records] == pytest.approx([*frame["value"]])
    same = wganalyze.compare(pair, metrics=["w2"]).frame
    assert [*same["value"]] == pytest.approx([*frame["value"]])
    assert same["difference"].iloc[1] == pytest.approx(same["value"].iloc[1] - same["value"].iloc[0])
    assert "paired" in same["method"].iloc[1]
    for form, mark in (("markdown", "| metric | run |"), ("latex", r"\begin{tabular}")):
        assert mark in command("compare", *pair, "--format", form).out
    assert "is neither last, nor best, nor a step" in command("compare", *pair, "--at", "first").error
    assert "close to it: w1" in command("compare", *pair, "--metric", "w11").error
    assert "no two runs to compare" in command("compare", pair[0]).error
