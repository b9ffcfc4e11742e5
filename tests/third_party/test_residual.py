"""A stranger's architecture in 40 lines: weights that say nothing of their nets are recognised and run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from wganalyze import open_report
from wganalyze.cli import call

SHAPES = {
    "G": {"lift.weight": (16, 4), "lift.bias": (16,), "mix.weight": (16, 16), "drop.weight": (2, 16)},
    "D": {"lift.weight": (16, 2), "lift.bias": (16,), "mix.weight": (16, 16), "drop.weight": (1, 16)},
}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A generator and a critic of step 3, as torch saves them."""
    folder = tmp_path / "nets"
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    for name, shapes in SHAPES.items():
        state = {key: 0.3 * torch.randn(shape, generator=generator) for key, shape in shapes.items()}
        torch.save(state, folder / f"{name}_3.pt")
    return folder


def test_it_is_short(lines: Callable[[str], int]) -> None:
    assert lines("residual") <= 40


def test_it_is_listed(install: Callable[[str], None], provides: Callable[[str], dict[str, Any]]) -> None:
    install("residual")
    given = provides("residual")
    assert (given["kind"], given["name"]) == ("architecture", "residual")


def test_its_weights_are_recognised(
    install: Callable[[str], None], weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install("residual")
    capsys.readouterr()
    assert call(["inspect", str(weights), "--json"]) == 0
    (snapshot,) = json.loads(capsys.readouterr().out)["snapshots"]
    for role, file, (inputs, outputs) in (("generator", "G_3.pt", (4, 2)), ("critic", "D_3.pt", (2, 1))):
        arguments = {"inputs": inputs, "width": 16, "outputs": outputs}
        assert snapshot[role] == f"{file}: architecture residual {arguments}"
        assert f"{role}: architecture residual, recognised by keys and shapes" in snapshot["assumptions"]


def test_a_run_gives_the_numbers_of_both_nets(install: Callable[[str], None], weights: Path) -> None:
    install("residual")
    arguments = ["--data", "ring8", "--only", "exact-w", "--only", "critic-gap", "--latent-law", "normal"]
    assert call(["run", str(weights), "--n", "50", "--replicates", "2", *arguments]) == 0
    rows = open_report(weights.with_name("nets-report")).measurements
    assert set(rows["status"]) <= {"ok", "skipped"}
    assert {"w1", "dual_raw"} <= set(rows.loc[rows["status"] == "ok", "metric"])


def test_without_it_nobody_knows_the_weights(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["run", str(weights), "--data", "ring8", "--only", "exact-w"]) == 2
    assert "the architecture of G_3.pt is unknown" in capsys.readouterr().err
