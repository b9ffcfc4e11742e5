"""Arrays that are no samples say what they are, and samples are samples under any name of theirs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from wganalyze.errors import CheckpointError
from wganalyze.files.opening import open_path
from wganalyze.host.loading import load_host
from wganalyze_checkpoints.samples.kinds import kind_by_name
from wganalyze_checkpoints.samples.loader import StoredSamples
from wganalyze_checkpoints.samples.others import OtherArrays

LOADERS = load_host().loaders
RNG = np.random.default_rng(0)


def rows(*shape: int) -> Any:
    """Numbers."""
    return RNG.normal(size=shape).astype("f4")


def said_of(folder: Path, name: str, **arrays: Any) -> str:
    """What is said of a file that is recognised and holds no samples."""
    path = folder / name
    if name.endswith(".npy"):
        np.save(path, arrays["only"])
    else:
        np.savez(path, **arrays)
    assert StoredSamples().sniff(path) == 0
    with pytest.raises(CheckpointError, match=r"(no|holds) samples"):
        StoredSamples().open(path)
    assert 0 < OtherArrays().sniff(path) < 0.5  # whoever reads such arrays goes first
    with pytest.raises(CheckpointError) as caught:
        OtherArrays().open(path)
    (file,) = [file for file in open_path(folder, LOADERS) if file.path == path]
    assert file.kind is not None
    assert all(part.read_samples is None for part in file.parts)
    assert str(path) in str(caught.value)
    return str(caught.value)


WEIGHTS: dict[str, dict[str, Any]] = {
    "chainer": {"l0/W": rows(512, 2), "l0/b": rows(512), "l1/W": rows(1, 512), "l1/b": rows(1)},
    "lasagne": {"arr_0": rows(100, 128), "arr_1": rows(128), "arr_2": rows(128, 784), "arr_3": rows(784)},
    "lasagne of images": {"arr_0": rows(64, 1, 5, 5), "arr_1": rows(64), "arr_2": rows(128, 64, 5, 5)},
    "torch": {k: t.numpy() for k, t in nn.Sequential(nn.Linear(2, 16), nn.Linear(16, 1)).state_dict().items()},
    "flax": {"params/Dense_0/kernel": rows(16, 2), "params/Dense_0/bias": rows(2)},
    "one matrix": {"W": rows(16, 2)},
    "by hand": {"W1": rows(4, 16), "b1": rows(16), "W2": rows(16, 2), "b2": rows(2)},
    "without names": {"first": rows(512, 4), "second": rows(2, 512)},
    "norms": {"gamma": rows(1, 16, 1, 1), "beta": rows(1, 16, 1, 1), "kernel": rows(9, 16)},
}


@pytest.mark.parametrize("name", [*WEIGHTS])
def test_weights_are_no_samples(tmp_path: Path, name: str) -> None:
    line = said_of(tmp_path, "gen_epoch_10.npz", **WEIGHTS[name])
    assert "holds weights (" in line
    assert "torch.save({k: torch.from_numpy(v)" in line


@pytest.mark.parametrize(
    ("name", "array", "kind"),
    [
        ("fixed_noise.npy", rows(64, 100), "fixed noise"),
        ("z.npy", rows(64, 100), "fixed noise"),
        ("sample_z_0.npy", rows(64, 100), "fixed noise"),
        ("fixed.npy", rows(64, 100, 1, 1), "fixed noise"),
        ("latents.npy", rows(64, 512), "fixed noise"),
        ("labels.npy", np.eye(10)[RNG.integers(0, 10, 50)], "labels"),
        ("y.npy", rows(50, 10), "labels"),
        ("losses.npy", rows(500, 2), "a series of losses or scores"),
        ("fake_loss.npy", rows(500, 2), "a series of losses or scores"),
        ("gen_weights.npy", rows(512, 2), "weights"),
    ],
)
def test_arrays_that_are_something_else(tmp_path: Path, name: str, array: Any, kind: str) -> None:
    line = said_of(tmp_path, name, only=array)
    assert f"holds {kind} by its name or shape {array.shape}, and no samples" in line
    wrapped = said_of(tmp_path, name.replace(".npy", ".npz"), arr_0=array)
    assert kind in wrapped


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"g_loss": rows(100), "d_loss": rows(100)}, "holds series of numbers (g_loss (100,), d_loss (100,))"),
        ({"mu": rows(8), "sigma": rows(8, 8)}, "holds the statistics of FID"),
        ({"x_train": np.ones((3, 4, 4), "u1"), "y_train": rows(3)}, "none of its arrays (x_train (3, 4, 4)"),
        ({"z": rows(64, 100), "losses": rows(10, 2)}, "none of its arrays"),
    ],
)
def test_archives_without_samples(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    assert words in said_of(tmp_path, "history.npz", **arrays)


def test_a_curve_is_a_series(tmp_path: Path) -> None:
    assert "holds series of numbers (500,)" in said_of(tmp_path, "d_loss.npy", only=rows(500))


@pytest.mark.parametrize(
    ("name", "arrays", "chosen"),
    [
        ("out.npz", {"z": rows(64, 100), "out": rows(64, 2)}, "out"),
        ("out.npz", {"noise": rows(64, 100), "samples": rows(64, 2), "weights": rows(64)}, "samples"),
        ("adm.npz", {"arr_0": RNG.integers(0, 255, (50, 8, 8, 3)).astype("u1"), "arr_1": np.arange(50)}, "arr_0"),
        ("pair.npz", {"arr_0": rows(50, 2), "arr_1": rows(70, 2)}, "arr_0"),
        ("x.npz", {"x": rows(50, 2), "w": rows(50)}, "x"),
        ("fakes.npz", {"fakes": rows(50, 2), "losses": rows(9, 2)}, "fakes"),
    ],
)
def test_samples_beside_other_arrays(tmp_path: Path, name: str, arrays: dict[str, Any], chosen: str) -> None:
    np.savez(tmp_path / name, **arrays)
    assert StoredSamples().sniff(tmp_path / name) == 0.9
    assert OtherArrays().sniff(tmp_path / name) == 0
    (part,) = StoredSamples().open(tmp_path / name)
    assert next(iter(part.keys)) == chosen


@pytest.mark.parametrize(
    "name", ["samples_noise_0.1", "fake_class_3", "class_3", "epoch_10", "denoised", "generated_z", "G_10", "x"]
)
def test_names_of_samples(name: str) -> None:
    assert kind_by_name(name, (50, 2)) == ""


@given(st.lists(st.integers(2, 9), min_size=3, max_size=5).filter(lambda widths: len(set(widths[1:])) > 1))
def test_any_stack_of_layers_is_weights(tmp_path_factory: pytest.TempPathFactory, widths: list[int]) -> None:
    path = tmp_path_factory.mktemp("weights") / "gen.npz"
    layers = [{f"l{i}/W": rows(b, a), f"l{i}/b": rows(b)} for i, (a, b) in enumerate(pairwise(widths))]
    np.savez(path, **{key: array for layer in layers for key, array in layer.items()})
    assert StoredSamples().sniff(path) == 0
    assert OtherArrays().sniff(path) > 0
