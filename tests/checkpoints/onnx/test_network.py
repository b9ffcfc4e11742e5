"""ONNX programs run by onnxruntime: called as torch modules are, whatever batch and labels their file wants."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.loader import Input
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.onnx import file as onnx_file
from wganalyze_checkpoints.onnx.loader import call_order
from wganalyze_checkpoints.onnx.network import OnnxNetwork, check_shape, encoded

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class Conditional(nn.Module):
    """From z (n, 4) and labels by a table to (n, 1, 2, 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 3)
        self.net = nn.Sequential(nn.Linear(7, 6), nn.Tanh(), nn.Unflatten(1, (1, 2, 3)))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.net(torch.cat([z, self.table(y)], 1))  # type: ignore[no-any-return]


@pytest.fixture
def program(write: Callable[..., Path]) -> Callable[..., OnnxNetwork]:
    """``program(net, *arguments, free=True)``: the network, exported and read."""

    def program(net: nn.Module, *arguments: Tensor, free: bool = True, names: tuple[str, ...] = ("x",)) -> OnnxNetwork:
        path = write(b"", "net.onnx")
        axes: Any = {name: {0: "b"} for name in names} if free else None
        torch.onnx.export(net.eval(), arguments, path, input_names=list(names), dynamo=False, dynamic_axes=axes)
        file = onnx_file.read(path)
        assert file is not None
        return OnnxNetwork(path, call_order(file.inputs))

    return program


@pytest.mark.formats
@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("n", [1, 3, 4, 9])
def test_outputs_are_those_of_the_network(program: Callable[..., OnnxNetwork], free: bool, n: int) -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(48, 1)).eval()
    found = program(net, torch.randn(4, 1, 6, 6), free=free)
    x = torch.randn(n, 1, 6, 6)
    torch.testing.assert_close(found(x), net(x), rtol=1e-5, atol=1e-6)
    assert torch.equal(found(x), found(x)), "two calls agree"


@pytest.mark.formats
@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("names", [("z", "label"), ("noise", "y"), ("b", "a")])
def test_labels_reach_their_input(program: Callable[..., OnnxNetwork], free: bool, names: tuple[str, ...]) -> None:
    net = Conditional().eval()
    found = program(net, torch.randn(2, 4), torch.tensor([1, 2]), free=free, names=names)
    z, y = torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 4])
    torch.testing.assert_close(found(z, y), net(z, y))
    torch.testing.assert_close(found(z, torch.eye(5)), net(z, y), msg="one-hot labels are an index, too")


@pytest.mark.formats
def test_several_outputs_come_as_a_tuple(program: Callable[..., OnnxNetwork]) -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x.sum(1, keepdim=True), 2 * x

    score, other = program(Two(), torch.randn(2, 3))(torch.ones(4, 3))
    assert score.tolist() == [[3]] * 4
    assert other.shape == (4, 3)


@pytest.mark.formats
def test_it_keeps_its_precision_and_answers_in_that_of_its_input(program: Callable[..., OnnxNetwork]) -> None:
    net = nn.Linear(3, 2).eval()
    found = copy.deepcopy(program(net, torch.randn(2, 3))).double().to("cpu").train().eval()
    x = torch.randn(4, 3, dtype=torch.float64)
    assert found(x).dtype == torch.float64
    assert torch.equal(found(x), found(x.float()).double())
    torch.testing.assert_close(found(x).float(), net(x.float()))
    assert not found(x.requires_grad_()).requires_grad
    assert "gradients" in found.no_gradient
    assert repr(found).startswith("OnnxNetwork(x float32 (None, 3) -> ")
    assert list(found.parameters()) == []


@pytest.mark.formats
def test_calls_that_it_does_not_understand_are_errors_in_one_line(program: Callable[..., OnnxNetwork]) -> None:
    found = program(Conditional(), torch.randn(2, 4), torch.tensor([1, 2]), names=("z", "y"))
    z, y = torch.randn(3, 4), torch.tensor([0, 1, 2])
    wrong: list[tuple[Tensor, ...]] = [(z,), (z, y, y), (z[:, :3], y), (z[:, :, None], y), (z, y + 5), (z, y[:2])]
    for arguments in wrong:
        with pytest.raises(ValueError) as caught:
            found(*arguments)
        assert str(caught.value).isprintable()


@pytest.mark.formats
def test_a_program_that_onnxruntime_does_not_take(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\x08")
    with pytest.raises(
        CheckpointError, match=r"net\.onnx: onnxruntime does not load it \(.*update onnxruntime"
    ) as caught:
        OnnxNetwork(path, [])
    assert str(caught.value).isprintable()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("shape", "dtype", "labels", "expected"),
    [
        ((None,), "int64", [2, 0], [2, 0]),
        ((2,), "int32", [2, 0], [2, 0]),
        ((None, 1), "int64", [2, 0], [[2], [0]]),
        ((None, 1), "float32", [2, 0], [[2.0], [0.0]]),
        ((None, 3), "float32", [2, 0], [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
        ((None, 3), "int64", [2, 0], [[0, 0, 1], [1, 0, 0]]),
        ((None,), "int64", [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], [2, 0]),
        ((None, 3), "float32", [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
        ((None, None), "float32", [[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]),
        ((None, 2, 1, 2), "float32", [1], [[[[0.0, 0.0]], [[1.0, 1.0]]]]),
        (None, "int64", [2, 0], [2, 0]),
    ],
)
def test_labels_are_encoded_as_the_input_wants_them(
    shape: tuple[int | None, ...] | None, dtype: str, labels: Any, expected: Any
) -> None:
    given = torch.tensor(labels)
    for x in (torch.zeros(len(given), 1), torch.zeros(len(given), 1, dtype=torch.float64)):
        found = encoded(given, x, shape, dtype)
        assert found.tolist() == expected
        assert found.dtype == (torch.int64 if "int" in dtype else x.dtype)


def test_labels_that_do_not_fit() -> None:
    x = torch.zeros(2, 1)
    with pytest.raises(ValueError, match="of 4 classes, not of 3"):
        encoded(torch.eye(3)[:2], x, (None, 4), "float32")
    with pytest.raises(ValueError, match="--label-encoding onehot"):
        encoded(torch.tensor([0, 1]), x, (None, None), "float32")
    with pytest.raises(RuntimeError):
        encoded(torch.tensor([0, 4]), x, (None, 4), "float32")


def test_shapes_are_held_against_what_is_stated() -> None:
    x = torch.zeros(2, 3, 4)
    for fine in ((None, 3, 4), (7, 3, 4), (None, None, 4), None):
        check_shape(x, Input("x", fine))
    for wrong in ((None, 3), (None, 3, 5), (None, 3, 4, 1), (None,)):
        with pytest.raises(ValueError, match=r"the input x takes samples of shape \("):
            check_shape(x, Input("x", wrong))
