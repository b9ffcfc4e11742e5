"""Weights as arrays: what is claimed, which networks there are, and that a factory's module computes the same."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve2d
from torch import nn

from wganalyze.contracts.loader import Part
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.arrays import msgpack, npz
from wganalyze_checkpoints.arrays.loader import FlaxWeights, NpzWeights

Arrays = Mapping[str, np.ndarray]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype("f4")


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))


W0, B0, W1, B1 = numbers(4, 16), numbers(16), numbers(16, 2), numbers(2)
Z = numbers(5, 4, seed=1)
OUT = np.maximum(Z @ W0 + B0, 0) @ W1 + B1


def filled(part: Part, module: nn.Module) -> nn.Module:
    assert part.fill is not None
    return part.fill(module).eval()


def outputs(module: nn.Module, z: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(z)).numpy())


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    def save(*arrays: np.ndarray, **named: np.ndarray) -> Path:
        np.savez(tmp_path / "generator.npz", *arrays, **named)
        return tmp_path / "generator.npz"

    return save


Saved = Callable[..., Path]


def packed(value: Any) -> bytes:
    """msgpack as Flax writes it."""
    if isinstance(value, dict):
        items = b"".join(packed(key) + packed(each) for key, each in value.items())
        return struct.pack(">BH", 0xDE, len(value)) + items
    if isinstance(value, np.ndarray | np.generic):
        shape = bytes([0x90 + value.ndim]) + b"".join(struct.pack(">BI", 0xCE, n) for n in value.shape)
        data = value.tobytes()
        content = b"\x93" + shape + packed(value.dtype.name) + struct.pack(">BI", 0xC6, len(data)) + data
        return struct.pack(">BIB", 0xC9, len(content), 1 if isinstance(value, np.ndarray) else 3) + content
    if isinstance(value, str):
        return struct.pack(">BB", 0xD9, len(value)) + value.encode()
    return struct.pack(">Bq", 0xD3, value)


DENSE = {"Dense_0": {"kernel": W0, "bias": B0}, "Dense_1": {"kernel": W1, "bias": B1}}


# What each framework's arrays mean


@pytest.mark.parametrize(
    ("arrays", "layout"),
    [
        ({"l1/W": W0.T, "l1/b": B0, "l2/W": W1.T, "l2/b": B1}, "Chainer"),
        ({"arr_0": W0, "arr_1": B0, "arr_2": W1, "arr_3": B1}, "Lasagne"),
        ({"arr_0": W0.T, "arr_1": B0, "arr_2": W1.T, "arr_3": B1}, "torch"),
        ({"W1": W0, "b1": B0, "W2": W1, "b2": B1}, "Lasagne"),
        ({"dense/kernel:0": W0, "dense/bias:0": B0, "dense_1/kernel:0": W1, "dense_1/bias:0": B1}, "TensorFlow"),
        ({"params/Dense_0/kernel": W0, "params/Dense_0/bias": B0, "params/Dense_1/kernel": W1,
          "params/Dense_1/bias": B1}, "Flax"),
        ({"updater/model:gen/l1/W": W0.T, "updater/model:gen/l1/b": B0, "updater/model:gen/l2/W": W1.T,
          "updater/model:gen/l2/b": B1, "updater/optimizer:gen/l1/W/m": W0.T, "updater/iteration": np.array(7)},
         "Chainer"),
    ],
)  # fmt: skip
def test_dense_layers_of_each_framework(saved: Saved, arrays: Arrays, layout: str) -> None:
    path = saved(**arrays)
    assert NpzWeights().sniff(path) > 0.9
    (part,) = NpzWeights().open(path)
    assert part.facts["layout"] == layout
    np.testing.assert_allclose(outputs(filled(part, mlp()), Z), OUT, rtol=1e-5, atol=1e-5)


def test_a_state_dict_as_npz_is_one(saved: Saved) -> None:
    stored = mlp().state_dict()
    (part,) = NpzWeights().open(saved(**{key: value.numpy() for key, value in stored.items()}))
    assert part.fill is None
    assert part.read_tensors is not None
    read = part.read_tensors()
    assert [*read] == [*stored]
    assert all(read[key].equal(stored[key]) for key in stored)


class Convolutions(nn.Module):
    """A dense layer, a norm, and two convolutions, of which one may be transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.first, self.second = nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.second(self.first(self.norm(x)))
        return out


def test_convolutions_and_norms_of_flax(tmp_path: Path) -> None:
    kernels = numbers(3, 3, 3, 3), numbers(3, 3, 3, 2)
    norm = {"scale": numbers(3), "bias": numbers(3, seed=1)}
    statistics = {"mean": numbers(3, seed=2), "var": numbers(3, seed=3) ** 2 + 1}
    layers = {f"Conv_{i}": {"kernel": k, "bias": numbers(k.shape[-1], seed=i)} for i, k in enumerate(kernels)}
    variables = {"params": {"BatchNorm_0": norm, **layers}, "batch_stats": {"BatchNorm_0": statistics}}
    path = tmp_path / "G.msgpack"
    path.write_bytes(packed(variables))
    (part,) = FlaxWeights().open(path)
    made = filled(part, Convolutions())
    for layer, kernel in zip((made.first, made.second), kernels, strict=True):
        for i in range(kernel.shape[2]):
            for o in range(kernel.shape[3]):
                assert np.array_equal(layer.weight[o, i].detach().numpy(), kernel[:, :, i, o])  # type: ignore[index]
    x = numbers(2, 3, 6, 6, seed=9)
    by_hand = (x - statistics["mean"][:, None, None]) / np.sqrt(statistics["var"] + 1e-5)[:, None, None]
    by_hand = by_hand * norm["scale"][:, None, None] + norm["bias"][:, None, None]
    np.testing.assert_allclose(outputs(made.norm, x), by_hand, rtol=1e-4, atol=1e-4)  # type: ignore[arg-type]


def test_convolutions_of_lasagne_are_true_ones(saved: Saved) -> None:
    """W is mirrored against torch's, and a norm keeps the inverse deviation."""
    kernel, dense, bias = numbers(1, 1, 3, 3), numbers(4, 64), numbers(64)
    beta, gamma, mean, inverse = (numbers(1, seed=i) ** 2 + 0.5 for i in range(4))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense, self.conv, self.norm = nn.Linear(4, 64), nn.Conv2d(1, 1, 3, bias=False), nn.BatchNorm2d(1)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.norm(self.conv(self.dense(z).reshape(-1, 1, 8, 8)))
            return out

    (part,) = NpzWeights().open(saved(dense, bias, kernel, beta, gamma, mean, inverse))
    assert part.problems == (
        "its arrays have no names: taken in the order and layout of Lasagne, its convolutions true ones",
    )
    image = (Z @ dense + bias).reshape(-1, 8, 8)
    expected = np.stack([convolve2d(each, kernel[0, 0], "valid") for each in image])
    expected = (expected - mean) * inverse * gamma + beta
    np.testing.assert_allclose(outputs(filled(part, Net()), Z)[:, 0], expected, rtol=1e-3, atol=1e-3)


def test_transposed_kernels_of_flax_and_tensorflow(saved: Saved, tmp_path: Path) -> None:
    """Of stride 1 both are sums over shifted inputs: Flax slides the kernel itself, TensorFlow its mirror image."""
    x = numbers(1, 2, 5, 5)
    made = nn.Sequential(nn.ConvTranspose2d(2, 3, 3, bias=False))
    kernel = numbers(3, 3, 2, 3)
    (tmp_path / "G.msgpack").write_bytes(packed({"params": {"ConvTranspose_0": {"kernel": kernel}}}))
    (part,) = FlaxWeights().open(tmp_path / "G.msgpack")
    full = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)))
    windows = np.lib.stride_tricks.sliding_window_view(full, (3, 3), axis=(2, 3))
    by_flax = np.einsum("nihwkl,klio->nohw", windows, kernel)
    np.testing.assert_allclose(outputs(filled(part, made), x), by_flax, rtol=1e-4, atol=1e-4)
    other = np.ascontiguousarray(kernel[::-1, ::-1].transpose(0, 1, 3, 2))
    (part,) = NpzWeights().open(saved(**{"conv2d_transpose/kernel": other, "dense/kernel": W0, "dense/bias": B0}))
    both = nn.ModuleDict({"dense": nn.Linear(4, 16), "up": nn.ConvTranspose2d(2, 3, 3, bias=False)})
    assert filled(part, both).up.weight.equal(made[0].weight)  # type: ignore[union-attr, operator, arg-type]


# What a network takes


CHAINER_UP = {
    "dc1/W": numbers(8, 4, 4, 4),
    "dc2/W": numbers(4, 1, 4, 4),
    "l0/W": numbers(128, 10),
    "l0/b": numbers(128),
}


@pytest.mark.parametrize(
    ("arrays", "shape"),
    [
        ({"l1/W": W0.T, "l1/b": B0, "l2/W": W1.T, "l2/b": B1}, (None, 4)),
        ({"arr_0": W0, "arr_1": B0, "arr_2": W1, "arr_3": B1}, (None, 4)),
        ({"end/kernel": W1, "end/bias": B1, "start/kernel": W0, "start/bias": B0}, (None, 4)),
        (CHAINER_UP, (None, 10)),
        ({"ConvTranspose_0/kernel": numbers(4, 4, 10, 8), "ConvTranspose_1/kernel": numbers(4, 4, 8, 1)},
         (None, 10, 1, 1)),
        ({"conv2d_transpose/kernel": numbers(4, 4, 8, 10), "conv2d_transpose_1/kernel": numbers(4, 4, 1, 8)},
         (None, 10, 1, 1)),
        ({"Conv_0/kernel": numbers(4, 4, 1, 8), "Dense_0/kernel": numbers(128, 1)}, None),
    ],
)  # fmt: skip
def test_what_a_network_takes(saved: Saved, arrays: Arrays, shape: tuple[int | None, ...] | None) -> None:
    (part,) = NpzWeights().open(saved(**arrays))
    assert [each.shape for each in part.inputs] == ([] if shape is None else [shape])


# Which networks a file holds


def test_networks_of_one_tree(tmp_path: Path) -> None:
    path = tmp_path / "state.msgpack"
    state = {"step": 7, "params": DENSE, "opt_state": {"0": {"mu": DENSE}}}
    path.write_bytes(packed({"gen": {**state, "ema_params": DENSE}, "disc": {**state, "step": np.int32(7)}}))
    parts = FlaxWeights().open(path)
    assert [part.name for part in parts] == ["gen", "gen.ema", "disc"]
    assert parts[0].facts == {"gen.step": 7, "disc.step": 7}
    assert {len(part.keys) for part in parts} == {4}
    np.testing.assert_allclose(outputs(filled(parts[1], mlp()), Z), OUT, rtol=1e-5, atol=1e-5)


def test_networks_told_apart_by_the_first_word(saved: Saved, tmp_path: Path) -> None:
    arrays = {f"{role}/l{i}/{n}": a for role in ("G", "D") for i, (w, b) in enumerate([(W0.T, B0), (W1.T, B1)])
              for n, a in (("W", w), ("b", b))}  # fmt: skip
    assert [part.name for part in NpzWeights().open(saved(**arrays))] == ["G", "D"]
    path = tmp_path / "both.msgpack"
    path.write_bytes(packed({"generator": DENSE, "critic": DENSE}))
    assert [part.name for part in FlaxWeights().open(path)] == ["generator", "critic"]
    path.write_bytes(packed(DENSE))
    assert [part.name for part in FlaxWeights().open(path)] == [""]


def test_all_variables_of_tensorflow_1(saved: Saved) -> None:
    """As the advice on its checkpoints writes them: two networks, the slots of their optimizers, and a step."""
    arrays: dict[str, np.ndarray] = {"global_step": np.array(500), "beta1_power": np.array(0.5, "f4")}
    for role in ("generator", "discriminator"):
        for name, array in (("dense/kernel", W0), ("dense/bias", B0), ("dense_1/kernel", W1), ("dense_1/bias", B1)):
            arrays |= {f"{role}/{name}{slot}": array for slot in ("", "/Adam", "/Adam_1")}
    parts = NpzWeights().open(saved(**arrays))
    assert [part.name for part in parts] == ["generator", "discriminator"]
    for part in parts:
        assert [*part.keys] == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
        assert part.facts == {"global_step": 500, "layout": "TensorFlow"}
    np.testing.assert_allclose(outputs(filled(parts[0], mlp()), Z), OUT, rtol=1e-5, atol=1e-5)


# What is no network


@pytest.mark.parametrize(
    "arrays",
    [
        {"samples": numbers(20, 2), "labels": np.arange(20)},
        {"arr_0": numbers(20, 2)},
        {"arr_0": numbers(20, 2), "arr_1": numbers(20)},
        {"arr_0": numbers(20, 2), "arr_1": numbers(10, 2)},
        {"arr_0": numbers(20, 2), "arr_1": numbers(20), "arr_2": numbers(10, 2), "arr_3": numbers(10)},
        {"arr_0": numbers(20, 2, 8, 8), "arr_1": np.arange(20)},
        {"x_train": numbers(20, 2), "y_train": numbers(20), "x_test": numbers(9, 2), "y_test": numbers(9)},
        {"mu": numbers(8), "sigma": numbers(8, 8)},
        {"g_loss": numbers(100), "d_loss": numbers(100)},
        {"z": numbers(64, 100)},
    ],
)
def test_samples_and_curves_are_not_claimed(saved: Saved, arrays: Arrays) -> None:
    assert NpzWeights().sniff(saved(**arrays)) == 0.0


# Where they do not fit


class Twins(nn.Module):
    """Two layers of one shape."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        for name in names:
            self.add_module(name, nn.Linear(4, 4))


@pytest.mark.parametrize(
    ("arrays", "make", "reason"),
    [
        ({"l1/W": W0.T, "l1/b": B0, "l2/W": W1.T, "l2/b": B1}, partial(nn.Linear, 4, 16),
         "2 dense layers in the file (l1, l2), 1 in the network"),
        ({"l1/W": W0.T, "l1/b": B0, "l2/W": W0.T, "l2/b": B0}, mlp,
         "l2/W is (16, 4) (Chainer), the network's 2.weight (2, 16)"),
        ({"a/W": W0.T, "b/W": W1.T}, mlp, "a has weight, the network's 0 weight, bias"),
        ({"a/kernel": W0[:, :4], "b/kernel": W0[:, :4]}, lambda: nn.Sequential(*(nn.Linear(4, 4, bias=False),) * 1,
         nn.Linear(4, 4, bias=False)), "a and b are alike, and their names give no order"),
        ({"l1/W": W0.T, "l1/b": B0, "l2/W": W1.T * np.nan, "l2/b": B1}, mlp, "NaN or infinity in l2/W"),
        ({"l1/W": W0.T, "l1/b": B0, "l2/W": W1.T, "l2/x": B1}, mlp, "l2/x is called neither kernel nor bias"),
        ({"l1/W": W0.T, "l1/b": B0, "l2/W": W1.T, "l2/b": B1}, list, "the factory gave a list, not a torch.nn.Module"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(saved: Saved, arrays: Arrays, make: Callable[[], Any], reason: str) -> None:
    (part,) = NpzWeights().open(saved(**arrays))
    assert part.fill is not None
    with pytest.raises(CheckpointError) as caught:
        part.fill(make())
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "generator.npz" in str(caught.value)


def test_alike_layers_go_by_name_where_the_network_has_the_names(saved: Saved) -> None:
    arrays = {f"{name}/kernel": numbers(4, 4, seed=i) for i, name in enumerate(["out", "enter"])}
    arrays |= {f"{name}/bias": numbers(4, seed=i) for i, name in enumerate(["out", "enter"])}
    (part,) = NpzWeights().open(saved(**arrays))
    made = filled(part, Twins("enter", "out"))
    assert np.array_equal(made.enter.weight.detach().numpy(), arrays["enter/kernel"].T)  # type: ignore[operator, union-attr]


# Hostile files


GOOD = packed({"params": DENSE, "step": 3})


@settings(max_examples=150)
@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=12), st.integers(0, len(GOOD)))
def test_no_file_breaks_the_reader_of_flax(
    tmp_path_factory: pytest.TempPathFactory, place: int, bits: bytes, end: int
) -> None:
    path = tmp_path_factory.mktemp("flax") / "file"
    content = GOOD[:place] + bits + GOOD[place + len(bits) :]
    path.write_bytes(content[: end or None])
    if FlaxWeights().sniff(path) > 0.5:
        for part in FlaxWeights().open(path):
            assert part.read_tensors is not None
            assert {key: tuple(t.shape) for key, t in part.read_tensors().items()} == {
                key: spec.shape for key, spec in part.keys.items()
            }


@pytest.mark.parametrize(
    "content",
    [
        b"\xdf\xff\xff\xff\xff" + b"\xa1a" * 100,
        b"\x81" * 5000,
        b"\x81\xa1a\xc9\xff\xff\xff\xff\x01",
        b"\x81\xa1a\xdd\xff\xff\xff\xff" + b"\xc0" * 1_000_000,
        packed({"a": {"kernel": W0}}) + b"more",
        b"\x80",
        b"",
    ],
)
def test_claims_without_end_are_no_flax(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert FlaxWeights().sniff(tmp_path / "file") == 0.0


def test_a_file_that_ends_too_early_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(GOOD[:-20])
    assert FlaxWeights().sniff(tmp_path / "file") == pytest.approx(0.3)
    with pytest.raises(CheckpointError, match="cut off: a Flax file that ends too early"):
        FlaxWeights().open(tmp_path / "file")


def test_bytes_of_arrays_are_not_read_for_their_header(tmp_path: Path) -> None:
    """A file whose arrays are a hole of the disk, of a hundred gigabytes as it says."""
    header = packed({"params": {"Dense_0": {"kernel": W0}}})
    tree = msgpack.read(_written(tmp_path / "file", header))
    assert tree is not None
    assert tree["params"]["Dense_0"]["kernel"].spec.shape == (4, 16)
    assert npz.read(tmp_path / "file") is None


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
