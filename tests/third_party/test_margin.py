"""A stranger's analyzer: interval, floor and a score in train mode in 20 lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from wganalyze import open_report
from wganalyze.cli import call


def test_it_is_short(lines: Callable[[str], int]) -> None:
    assert lines("margin") <= 20


def test_it_is_listed_with_its_help(install: Callable[[str], None], provides: Callable[[str], dict[str, Any]]) -> None:
    install("margin")
    analyzer = provides("margin")
    assert (analyzer["kind"], analyzer["name"]) == ("analyzer", "margin")
    assert analyzer["help"].startswith("How much higher does the critic score real samples")
    assert [metric["name"] for metric in analyzer["metrics"]] == ["margin", "margin_floor"]


def test_a_run_has_its_numbers(install: Callable[[str], None], checkpoints: Path) -> None:
    install("margin")
    sizes = ["--n", "50", "--replicates", "3", "--latent-law", "normal"]
    assert call(["run", str(checkpoints), "--data", "ring8", "--only", "margin", *sizes]) == 0
    rows = open_report(checkpoints.with_name(f"{checkpoints.name}-report")).measurements
    assert list(rows["metric"]) == ["margin", "margin_floor"] * 2
    assert set(rows["status"]) == {"ok"}
    assert set(rows["mode"]) == {"train"}
    assert set(rows["plugin"]) == {"wganalyze-margin"}
    assert (rows["ci_low"] < rows["value"]).all()
    assert (rows["value"] < rows["ci_high"]).all()
    assert set(rows["n"]) == {50}
    assert set(rows["dim"]) == {2}
