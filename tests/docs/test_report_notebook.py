"""docs/report.ipynb runs from top to bottom on a report of this version, and draws its plots."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient

import wganalyze
from wganalyze_zoo import train

NOTEBOOK = Path(__file__).parents[2] / "docs" / "report.ipynb"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of two trainers on the ring of eight Gaussians, analysed."""
    folder = tmp_path_factory.mktemp("notebook")
    angle = torch.rand(512, 1, generator=torch.Generator().manual_seed(0)) * 6.28
    circle = 2 * torch.cat([angle.cos(), angle.sin()], 1)
    for method in ("wgan-gp", "wgan"):
        train(method, circle, folder / "ckpt" / method, save_at=(2, 5), width=16)
    wganalyze.run(folder / "ckpt", data="ring8", n=32, replicates=3, out=folder / "report")
    return folder / "report"


def test_the_notebook_runs_and_draws(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WGANALYZE_REPORT", str(report))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    kinds = [kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})]
    assert kinds.count("image/png") == 3
    assert "text/html" in kinds
    text = str(notebook.cells)
    assert "wgan-gp" in text


def test_the_notebook_is_stored_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.get("outputs") for cell in notebook.cells)
