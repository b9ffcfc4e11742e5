"""A stranger's space in under 40 lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wganalyze import open_report
from wganalyze.cli import call


def test_it_is_short(lines: Callable[[str], int]) -> None:
    assert lines("spectrum") < 40


def test_it_is_listed_with_its_help(install: Callable[[str], None], provides: Callable[[str], dict[str, Any]]) -> None:
    install("spectrum")
    embedding = provides("spectrum")
    assert (embedding["kind"], embedding["name"]) == ("embedding", "spectrum")
    assert embedding["help"] == "amplitudes of the Fourier transform of images"


def test_moved_images_are_near_in_it(install: Callable[[str], None], tmp_path: Path) -> None:
    """The transform keeps norms and forgets places: images and the same ones rolled have one law of amplitudes."""
    install("spectrum")
    rng = np.random.default_rng(0)
    ramp = np.linspace(-1, 1, 64).reshape(1, 8, 8)
    images, others = (ramp * rng.uniform(0.5, 1, (600, 1, 1)) for _ in range(2))
    np.save(tmp_path / "data.npy", images)
    (tmp_path / "fake").mkdir()
    np.save(tmp_path / "fake" / "samples.npy", np.roll(others, 3, axis=(1, 2)))
    sizes = ["--n", "40", "--replicates", "3", "--range", "-1,1", "--only", "exact-w", "--out", str(tmp_path / "out")]
    spaces = ["--space", "pixels", "--space", "spectrum"]
    assert call(["run", str(tmp_path / "fake"), "--data", f"npy:{tmp_path / 'data.npy'}", *sizes, *spaces]) == 0
    rows = open_report(tmp_path / "out").measurements.set_index(["embedding", "metric"])["value"]
    assert rows["pixels", "w1"] > 3 * rows["pixels", "w1_floor"]
    assert rows["spectrum", "w1"] == pytest.approx(rows["spectrum", "w1_floor"], rel=0.5)
