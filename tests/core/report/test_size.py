"""What a step takes in a report: of 100 steps 20 MB at most.

Measured in November 2026 on 100 steps of a convolutional GAN of 28 x 28 digits, all analyzers that run by default: 18.6
MB in the files of the report, and a page of 1.5 MB.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from torch import nn

import wganalyze
from wganalyze.report.reading import Report

NETWORKS = """\
from torch import nn


def G():
    first = [nn.Linear(16, 8 * 49), nn.Unflatten(1, (8, 7, 7)), nn.ReLU()]
    return nn.Sequential(*first, nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Tanh())


def D():
    first = [nn.Conv2d(1, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 8, 4, 2, 1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*first, nn.Flatten(), nn.Linear(8 * 49, 1))
"""  # noqa: E501
STEPS = 2


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of noise, which no compression makes smaller than what a trained generator gives."""
    folder = tmp_path_factory.mktemp("size")
    (folder / "nets.py").write_text(NETWORKS)
    names: dict[str, type[nn.Module]] = {}
    exec(NETWORKS, names)
    torch.manual_seed(0)
    (folder / "ckpt").mkdir()
    for step in range(STEPS):
        for role in "GD":
            torch.save(names[role]().state_dict(), folder / "ckpt" / f"{role}_step_{step}.pt")
    digits = np.stack([zoom(image, 3.5, order=1) for image in load_digits().images[:500] / 8 - 1]).clip(-1, 1)
    np.save(folder / "digits28.npy", digits.astype("float32")[:, None])
    nets = {"generator": f"{folder / 'nets.py'}:G", "critic": f"{folder / 'nets.py'}:D"}
    return wganalyze.run(
        folder / "ckpt", data=f"npy:{folder / 'digits28.npy'}", n=32, replicates=3, latent_law="normal", **nets
    )


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_hundred_steps_are_a_small_report(report: Report) -> None:
    """The cells of the last step, and its share of the views."""
    rows = report.measurements
    assert {*rows["status"]} <= {"ok", "skipped"}
    of_last = {*rows.loc[rows["step"] == STEPS - 1, "cell"]} - {*rows.loc[rows["step"] != STEPS - 1, "cell"]}
    assert len(of_last) >= 8
    cells = sum(_bytes(report.path / "_cells" / cell) for cell in of_last)
    views = _bytes(report.path) - _bytes(report.path / "_cells")
    assert {"samples"} <= {*report.pictures["name"]}
    assert 100 * (cells + views / STEPS) < 20_000_000
