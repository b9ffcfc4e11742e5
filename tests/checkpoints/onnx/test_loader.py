"""The loader of ONNX programs: recognised, described from the file alone, refused where they need more than ONNX."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.checkpoints.onnx.conftest import message, value
from torch import Tensor, nn

from wganalyze.contracts.loader import Input, Part, TensorSpec
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.onnx.loader import Onnx, call_order
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADER = Onnx()

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def node(operator: str, *inputs: str, domain: str = "") -> bytes:
    """A NodeProto that gives y."""
    return message(*((1, name) for name in inputs), (2, "y"), (4, operator), (7, domain))


def model(*fields: tuple[int, Any], head: tuple[tuple[int, Any], ...] = ()) -> bytes:
    """A ModelProto with this graph."""
    return message((1, 8), (2, "by hand"), (7, message(*fields)), (8, message((2, 17))), *head)


def weight(name: str, *dims: int) -> bytes:
    """A TensorProto of zeros."""
    return message(*((1, n) for n in dims), (2, 1), (8, name), (9, bytes(4 * torch.Size(dims).numel())))


@pytest.fixture
def opened(write: Callable[..., Path]) -> Callable[..., Part]:
    """The one part of a file of these bytes."""

    def opened(content: bytes, name: str = "net.onnx") -> Part:
        path = write(content, name)
        assert LOADER.sniff(path) == 0.95
        (part,) = LOADER.open(path)
        assert (part.path, part.kind, part.name, part.step) == (path, "onnx", "", None)
        assert part.is_program
        assert not part.runs_code
        return part

    return opened


PLAIN = (
    (1, node("MatMul", "z", "gen.w")),
    (5, weight("gen.w", 4, 6)),
    (11, value("z", 0, 4)),
    (12, value("y", 0, 1, 2, 3)),
)


@pytest.mark.parametrize("name", ["net.onnx", "file", "net.pt", "net.ckpt.bin"])
def test_a_program_is_described_under_any_name(opened: Callable[..., Part], name: str) -> None:
    note = (14, message((1, "epoch"), (2, "12"))), (14, message((1, "lambda"), (2, "0.5")))
    notes = (*note, (14, message((1, "author"), (2, "A. Person"))), (14, message((1, "pkg.x.y"), (2, "internal"))))
    part = opened(model(*PLAIN, head=notes), name)
    assert part.keys == {"gen.w": TensorSpec((4, 6), "float32")}
    assert part.facts == {
        "epoch": 12,
        "lambda": 0.5,
        "author": "A. Person",
        "producer": "by hand",
        "opset": 17,
        "outputs": "y (b, 1, 2, 3) float32",
    }
    assert part.inputs == (Input("z", (None, 4), "float32"),)
    assert (part.role, part.problems, part.others) == ("generator", (), ())
    assert TorchStateDict().sniff(part.path) == 0


IMAGE, VECTOR = (0, 3, 8, 8), (0, 16)


@pytest.mark.parametrize(
    ("takes", "gives", "role"),
    [
        (VECTOR, IMAGE, "generator"),
        ((0, 16, 1, 1), IMAGE, "generator"),
        ((1, 16), (1, 1, 28, 28), "generator"),
        (IMAGE, (0, 1), "critic"),
        (IMAGE, (0,), "critic"),
        (IMAGE, (0, 1, 1, 1), "critic"),
        (IMAGE, (0, 10), None),
        (IMAGE, IMAGE, None),
        (IMAGE, (0, 1, 2, 2), None),
        (VECTOR, (0, 1), None),
        (VECTOR, VECTOR, None),
        ((0, 3, 0, 0), (0, 1), "critic"),
        ((0, 16, 0, 0), IMAGE, None),
    ],
)
def test_a_role_is_read_where_shapes_leave_no_doubt(
    opened: Callable[..., Part], takes: tuple[int, ...], gives: tuple[int, ...], role: str | None
) -> None:
    part = opened(model((1, node("Any", "x")), (11, value("x", *takes)), (12, value("y", *gives))))
    assert part.role == role


def test_a_role_without_inputs_or_shapes_is_unknown(opened: Callable[..., Part]) -> None:
    assert opened(model((12, value("y", 0, 1)))).role is None
    assert opened(model((11, message((1, "x"))), (12, value("y", 0, 1)))).role is None
    assert opened(model((11, value("x", *IMAGE)), (12, message((1, "y"))))).role is None


@pytest.mark.parametrize(
    ("inputs", "order"),
    [
        ([("z", "float32")], "z"),
        ([("z", "float32"), ("label", "float32")], "z label"),
        ([("label", "float32"), ("z", "float32")], "z label"),
        ([("label_one_hot", "float32"), ("noise", "float32")], "noise label_one_hot"),
        ([("a", "int64"), ("b", "float32")], "b a"),
        ([("y", "float32"), ("a", "int32")], "y a"),
        ([("a", "float32"), ("b", "float32")], "a b"),
        ([("c", "float32"), ("y", "float32")], "c y"),
        ([("label", "int64")], "label"),
        ([("psi", "float32"), ("y", "int64"), ("z", "float32")], "psi z y"),
    ],
)
def test_labels_come_last(inputs: list[tuple[str, str]], order: str) -> None:
    found = call_order([Input(name, None, dtype) for name, dtype in inputs])
    assert " ".join(each.name for each in found) == order


@pytest.mark.parametrize(
    ("labels", "classes"), [(value("y", 0, 10), 10), (value("y", 0, kind=7), 5), (value("y", 0, 1, kind=7), 5)]
)
def test_the_number_of_classes_is_a_fact(opened: Callable[..., Part], labels: bytes, classes: int) -> None:
    lookup = node("Gather", "table", "y")
    part = opened(model((1, lookup), (5, weight("table", 5, 3)), (11, value("z", 0, 4)), (11, labels), *PLAIN[3:]))
    assert part.facts["classes"] == classes


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (
            (1, node("Gelu", "z", domain="com.microsoft")),
            r"operators beyond the standard ones \(com\.microsoft\.Gelu\)",
        ),
        ((1, node("System", "z", domain="evil")), "would be code from elsewhere"),
        ((1, node("Loop", "z")), r"loops \(Loop\)"),
        ((15, message((3, 2**40))), "sparse"),
    ],
)
def test_what_is_not_run_is_described_and_refused(
    opened: Callable[..., Part], field: tuple[int, Any], reason: str
) -> None:
    part = opened(model(*PLAIN, field))
    assert part.keys == {"gen.w": TensorSpec((4, 6), "float32")}
    assert part.problems == (part.refused,)
    assert re.match(rf"{re.escape(part.path.name)} is not run: .*{reason}", part.refused)
    assert part.read_module is not None
    with pytest.raises(CheckpointError, match=reason) as caught:
        part.read_module()
    assert str(caught.value).startswith(f"{part.path}: ")
    assert str(caught.value).isprintable()


def test_random_operators_are_a_problem(opened: Callable[..., Part]) -> None:
    assert "RandomNormalLike" in opened(model(*PLAIN, (1, node("RandomNormalLike", "z")))).problems[0]


def test_without_onnxruntime_it_is_described_and_says_what_to_install(
    opened: Callable[..., Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    part = opened(model(*PLAIN))
    assert part.read_module is not None
    with pytest.raises(CheckpointError, match=r"needs onnxruntime; pip install 'wganalyze\[onnx\]'$"):
        part.read_module()


def test_other_files_are_not_claimed(write: Callable[..., Path], save: Callable[..., Path]) -> None:
    for path in (write(b"no model"), write(bytes(1000)), save({"w": torch.ones(2)}), save(nn.Linear(1, 1), "legacy")):
        assert LOADER.sniff(path) == 0
        with pytest.raises(CheckpointError, match=r"is not an ONNX model; write it with torch\.onnx\.export"):
            LOADER.open(path)


def test_a_damaged_model_is_claimed_weakly_so_that_it_says_so(write: Callable[..., Path]) -> None:
    content = model(*PLAIN)
    path = write(content[: len(content) // 2])
    assert LOADER.sniff(path) == 0.3
    with pytest.raises(CheckpointError, match="damaged ONNX file"):
        LOADER.open(path)


def test_a_program_that_is_replaced_before_it_is_run(opened: Callable[..., Part]) -> None:
    part = opened(model(*PLAIN))
    part.path.write_bytes(b"something else")
    assert part.read_module is not None
    with pytest.raises(CheckpointError, match="no ONNX model any more"):
        part.read_module()


# With the libraries


class Generator(nn.Module):
    """From z (n, 6) and one-hot labels to images (n, 1, 8, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(10, 128)
        self.net = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Tanh())

    def forward(self, noise: Tensor, label: Tensor) -> Tensor:
        images: Tensor = self.net(self.project(torch.cat([noise, label], 1)).view(-1, 8, 4, 4))
        return images


def exported(path: Path, *, dynamo: bool) -> nn.Module:
    """A conditional generator, and its file."""
    torch.manual_seed(0)
    net = Generator().eval()
    free: Any = {0: torch.export.Dim("b")} if dynamo else {0: "b"}
    axes: dict[str, Any] = {"dynamic_shapes": (free, free)} if dynamo else {"dynamic_axes": {"z": free, "label": free}}
    arguments = (torch.randn(2, 6), torch.eye(4)[:2])
    torch.onnx.export(net, arguments, path, input_names=["z", "label"], dynamo=dynamo, verbose=False, **axes)
    return net


@pytest.mark.formats
@pytest.mark.parametrize("dynamo", [True, False])
def test_a_conditional_generator_from_file_to_images(tmp_path: Path, dynamo: bool) -> None:
    path = tmp_path / "netG_3.onnx"
    net = exported(path, dynamo=dynamo)
    assert LOADER.sniff(path) == 0.95
    (part,) = LOADER.open(path)
    assert part.inputs == (Input("z", (None, 6), "float32"), Input("label", (None, 4), "float32"))
    assert (part.role, part.problems, part.facts["classes"]) == ("generator", (), 4)
    assert part.others == ((path.with_name("netG_3.onnx.data"),) if dynamo else ())
    assert set(part.keys) >= {"project.weight", "project.bias", "net.2.weight"}
    assert part.read_module is not None
    found = part.read_module()
    assert not hasattr(found, "no_gradient")
    z, labels = torch.randn(5, 6), torch.eye(4)[torch.tensor([0, 1, 2, 3, 3])]
    torch.testing.assert_close(found(z, labels), net(z, labels))
    torch.testing.assert_close(found(z, labels.argmax(1)), net(z, labels))


@pytest.mark.formats
def test_a_file_cut_anywhere_is_refused_in_one_line(tmp_path: Path, write: Callable[..., Path]) -> None:
    path = tmp_path / "net.onnx"
    exported(path, dynamo=False)
    content = path.read_bytes()
    claimed = 0
    for part in range(20):
        cut = write(content[: len(content) * part // 20] or b"x", "net.onnx")
        claimed += LOADER.sniff(cut) == 0.3
        assert LOADER.sniff(cut) < 0.5
        with pytest.raises(CheckpointError) as caught:
            LOADER.open(cut)
        assert str(caught.value).isprintable()
    assert claimed >= 18


@pytest.mark.formats
def test_weights_cut_anywhere_are_a_problem_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    exported(path, dynamo=True)
    data = path.with_name("net.onnx.data")
    content = data.read_bytes()
    for twentieth in range(20):
        data.write_bytes(content[: len(content) * twentieth // 20])
        path.touch()
        (part,) = LOADER.open(path)
        assert "net.onnx.data, which holds its weights, was cut off" in part.problems[0]
        assert part.read_module is not None
        with pytest.raises(CheckpointError, match="was cut off"):
            part.read_module()


@pytest.mark.formats
def test_a_graph_that_would_fill_the_memory_is_not_run(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, save_model

    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["large"]),
        helper.make_node("ReduceSum", ["large"], ["sum"]),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", 2]) for name in "xy"]
    shape = helper.make_tensor("shape", TensorProto.INT64, [3], [2**13] * 3)
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [shape])
    path = tmp_path / "net.onnx"
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    (part,) = LOADER.open(path)
    assert part.read_module is not None
    with pytest.raises(CheckpointError, match="would compute 549,755,813,888 numbers at once"):
        part.read_module()


@pytest.mark.formats
def test_a_graph_that_no_runtime_knows_is_refused_in_one_line(opened: Callable[..., Part]) -> None:
    part = opened(model((1, node("Nonsense", "z")), *PLAIN[2:]))
    assert part.read_module is not None
    with pytest.raises(CheckpointError) as caught:
        part.read_module()
    assert str(caught.value).isprintable()


@pytest.mark.formats
@pytest.mark.field
def test_a_strangers_conditional_generator(field: Path) -> None:
    (part,) = LOADER.open(field / "onnx-nicklalo/generator.onnx")
    assert part.inputs == (Input("noise", (None, 96), "float32"), Input("label_one_hot", (None, 10), "float32"))
    assert part.facts == {
        "producer": "pytorch 2.13.0+cu130",
        "opset": 20,
        "outputs": "images (b, 1, 28, 28) float32",
        "classes": 10,
    }
    assert (part.role, part.problems, part.others) == ("generator", (), ())
    assert part.keys["generator.label_embedding.weight"] == TensorSpec((10, 32), "float32")
    assert part.read_module is not None
    net = part.read_module()
    assert not hasattr(net, "no_gradient")
    noise = torch.randn(64, 96, generator=torch.Generator().manual_seed(0))
    images = net(noise, torch.arange(64) % 10)
    assert images.shape == (64, 1, 28, 28)
    assert images.min() >= -1
    assert images.max() <= 1
    assert images.std() > 0.3, "strokes on a background"
    assert (net(noise, torch.arange(64) % 10 * 0) - images).abs().max() > 0.5, "labels change the image"
