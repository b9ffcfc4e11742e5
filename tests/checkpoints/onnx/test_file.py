"""The structure of ONNX files: as the onnx package reads it, from bytes made by hand, and where they lie."""

from __future__ import annotations

import random
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.checkpoints.conftest import complaint
from tests.checkpoints.onnx.conftest import message, value, varint

from wganalyze.contracts.loader import Input, TensorSpec
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.onnx import file as onnx_file
from wganalyze_checkpoints.onnx.file import OnnxFile
from wganalyze_checkpoints.onnx.wire import Wire


def tensor(name: str, dims: tuple[int, ...], raw: bytes | None, kind: int = 1, *more: tuple[int, Any]) -> bytes:
    """A TensorProto."""
    data = [] if raw is None else [(9, raw)]
    return message(*((1, n) for n in dims), (2, kind), (8, name), *data, *more)


def outside(name: str, dims: tuple[int, ...], **entries: object) -> bytes:
    """A TensorProto in another file."""
    pairs = ((13, message((1, key), (2, str(value)))) for key, value in entries.items())
    return tensor(name, dims, None, 1, *pairs, (14, 1))


NODE = message((1, "z"), (1, "w"), (2, "y"), (4, "MatMul"))
W = tensor("w", (4, 2), bytes(32))


def graph(*fields: tuple[int, Any], node: bytes = NODE, weight: bytes = W) -> bytes:
    """A GraphProto that multiplies by a matrix, and what else is said."""
    return message((1, node), (5, weight), (11, value("z", "b", 4)), (12, value("y", "b", 2)), *fields)


def model(content: bytes, *fields: tuple[int, Any], producer: str = "by hand") -> bytes:
    """A ModelProto."""
    return message((1, 8), (2, producer), (3, "1.0"), (7, content), (8, message((1, ""), (2, 17))), *fields)


@pytest.fixture
def read(write: Callable[..., Path]) -> Callable[[bytes], OnnxFile]:
    """What a file of these bytes says."""

    def read(content: bytes) -> OnnxFile:
        found = onnx_file.read(write(content, "net.onnx"))
        assert found is not None
        return found

    return read


@pytest.fixture
def refused(write: Callable[..., Path]) -> Callable[..., str]:
    """Why a file of these bytes is damaged."""

    def refused(content: bytes, read: Callable[[Path], object] = onnx_file.read) -> str:
        path = write(content, "net.onnx")
        with pytest.raises(CheckpointError) as caught:
            read(path)
        found = str(caught.value)
        assert found.startswith(f"{path}: damaged ONNX file (")
        assert found.endswith("; copy or export it again")
        assert found.isprintable()
        return found

    return refused


def test_a_model_made_by_hand(read: Callable[[bytes], OnnxFile]) -> None:
    found = read(model(graph(), (14, message((1, "epoch"), (2, "7")))))
    assert (found.producer, found.opsets) == ("by hand 1.0", {"": 17})
    assert found.inputs == (Input("z", (None, 4), "float32"),)
    assert found.outputs == (Input("y", (None, 2), "float32"),)
    assert found.initializers == {"w": TensorSpec((4, 2), "float32")}
    assert [(n.operator, n.inputs) for n in found.nodes] == [("MatMul", ("z", "w"))]
    assert found.operators == {"MatMul"}
    assert found.foreign == found.data == found.refusals == ()
    assert found.metadata == {"epoch": "7"}


def test_inputs_that_are_weights_are_none(read: Callable[[bytes], OnnxFile]) -> None:
    found = read(model(graph((11, value("w", 4, 2)))))
    assert [each.name for each in found.inputs] == ["z"]


def test_shapes_and_kinds_of_inputs(read: Callable[[bytes], OnnxFile]) -> None:
    labels = value("y", "b", kind=7)
    shapeless = message((1, "s"), (2, message((1, message((1, 10))))))
    bare = message((1, "t"))
    free = value("f", -1, 0, 3)
    found = read(model(graph((11, labels), (11, shapeless), (11, bare), (11, free), (11, value("n", kind=11)))))
    assert found.inputs[1:] == (
        Input("y", (None,), "int64"),
        Input("s", None, "float16"),
        Input("t", None, ""),
        Input("f", (None, None, 3), "float32"),
        Input("n", (), "float64"),
    )


@pytest.mark.parametrize(
    ("stored", "spec"),
    [
        (tensor("w", (), bytes(4)), TensorSpec((), "float32")),
        (tensor("w", (0, 3), b""), TensorSpec((0, 3), "float32")),
        (tensor("w", (3,), bytes(24), 7), TensorSpec((3,), "int64")),
        (tensor("w", (3,), bytes(2), 22), TensorSpec((3,), "int4")),
        (tensor("w", (2,), None, 1, (4, bytes(8))), TensorSpec((2,), "float32")),
        (tensor("w", (3,), None, 7, (7, b"\x01\x02\x03")), TensorSpec((3,), "int64")),
        (tensor("w", (2,), None, 7, (7, 1), (7, 2)), TensorSpec((2,), "int64")),
        (message((1, varint(4) + varint(2)), (2, 1), (8, "w"), (9, bytes(32))), TensorSpec((4, 2), "float32")),
        (tensor("w", (1,), None, 8, (6, "text")), TensorSpec((1,), "string")),
    ],
)
def test_layouts_of_tensors(read: Callable[[bytes], OnnxFile], stored: bytes, spec: TensorSpec) -> None:
    assert read(model(graph(weight=stored))).initializers == {"w": spec}


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (tensor("w", (4, 2), bytes(31)), "of 8 numbers holds 31 bytes"),
        (tensor("w", (4, 2), bytes(33)), "holds 33 bytes"),
        (tensor("w", (4, 2), None), "holds 0 bytes"),
        (tensor("w", (2**40,), bytes(4)), "of 1,099,511,627,776 numbers holds 4 bytes"),
        (tensor("w", (2**47, 2**47), bytes(4)), "holds 4 bytes"),
        (tensor("w", (2**48,), bytes(4)), "a shape that cannot be"),
        (tensor("w", (-1,), bytes(4)), "a shape that cannot be"),
        (tensor("w", (1,) * 65, bytes(4)), "a shape that cannot be"),
        (tensor("w", (1,), bytes(4), 99), "no known type"),
        (tensor("w", (100,), None, 7, (7, b"\x01")), "of 100 numbers holds 1 bytes"),
        (tensor("w\n", (1,), bytes(4)), "cannot be shown"),
        (tensor("x" * 1001, (1,), bytes(4)), "no name"),
        (message((1, 1), (2, 1), (8, b"\xff"), (9, bytes(4))), "no text"),
        (message((8, 5)), "no name"),
    ],
)
def test_tensors_that_cannot_be(refused: Callable[[bytes], str], stored: bytes, reason: str) -> None:
    assert reason in refused(model(graph(weight=stored)))
    attribute = message((1, "value"), (5, stored))
    constant = message((2, "c"), (4, "Constant"), (5, attribute))
    assert reason in refused(model(graph((1, constant))))


def test_what_cannot_be_in_a_graph(refused: Callable[[bytes], str]) -> None:
    assert "two initializers of the name 'w'" in refused(model(graph((5, W))))
    assert "without outputs" in refused(model(message((1, NODE), (5, W), (11, value("z", "b", 4)))))
    assert "without an operator" in refused(model(graph(node=message((1, "z"), (2, "y")))))
    assert "a shape that cannot be" in refused(model(graph((11, value("x", *([1] * 65))))))
    assert "in the place of a message" in refused(model(graph((1, 5))))
    assert "several graphs" in refused(model(graph(), (7, graph())))


# Other files


@pytest.mark.parametrize("location", ["net.bin", "net.onnx.data", "...", "weights of me"])
def test_weights_in_another_file(write: Callable[..., Path], location: str) -> None:
    path = write(model(graph(weight=outside("w", (4, 2), location=location, offset=8, length=32))), "net.onnx")
    beside = path.with_name(location)
    beside.write_bytes(bytes(40))
    found = onnx_file.read(path)
    assert found is not None
    assert (found.data, found.refusals) == ((location,), ())
    assert found.initializers == {"w": TensorSpec((4, 2), "float32")}


def test_weights_in_a_file_that_is_missing_or_short(write: Callable[..., Path]) -> None:
    content = model(graph(weight=outside("w", (4, 2), location="net.bin", offset=8)))
    path = write(content, "net.onnx")
    found = onnx_file.read(path)
    assert found is not None
    assert found.refusals == ("its weights lie in net.bin, which is missing: put it beside the file",)
    path = write(content, "net.onnx")
    path.with_name("net.bin").write_bytes(bytes(39))
    found = onnx_file.read(path)
    assert found is not None
    assert "was cut off" in found.refusals[0]


@pytest.mark.parametrize("location", ["../up", "/etc/passwd", "a/b", "..", ".", "", "a\\..\\b", "C:\\x"])
def test_weights_that_would_lie_outside(refused: Callable[[bytes], str], location: str) -> None:
    assert "outside of the folder" in refused(model(graph(weight=outside("w", (4, 2), location=location, offset=0))))


@pytest.mark.parametrize(
    "entries", [{"offset": -1}, {"offset": "x"}, {"offset": 10**20}, {"length": 31}, {"length": ""}, {"offset": "²"}]
)
def test_weights_at_a_place_that_cannot_be(refused: Callable[[bytes], str], entries: dict[str, object]) -> None:
    assert "has no place" in refused(model(graph(weight=outside("w", (4, 2), location="net.bin", **entries))))


# Operators


def test_operators_of_others_are_named(read: Callable[[bytes], OnnxFile]) -> None:
    inner = message((4, "Hidden"), (7, "com.inner"))
    branch = message((1, "then_branch"), (6, message((1, inner))))
    nodes = [
        message((4, "Gelu"), (7, "com.microsoft")),
        message((4, "Relu"), (7, "ai.onnx")),
        message((4, "If"), (5, branch)),
    ]
    found = read(model(graph(*((1, node) for node in nodes))))
    assert found.foreign == ("com.inner.Hidden", "com.microsoft.Gelu")
    assert found.operators == {"MatMul", "Gelu", "Relu", "If", "Hidden"}


def test_functions_of_the_file_itself_are_standard_where_their_body_is(read: Callable[[bytes], OnnxFile]) -> None:
    call = message((4, "Twice"), (7, "mine"))
    body = message((1, "Twice"), (10, "mine"), (7, message((4, "Add"))))
    assert read(model(graph((1, call)), (25, body))).foreign == ()
    assert read(model(graph((1, call)))).foreign == ("mine.Twice",)
    body = message((1, "Twice"), (10, "mine"), (7, message((4, "System"), (7, "evil"))))
    assert read(model(graph((1, call)), (25, body))).foreign == ("evil.System",)


def test_sparse_tensors_are_refused(read: Callable[[bytes], OnnxFile]) -> None:
    assert "sparse" in read(model(graph((15, message((3, 2**40)))))).refusals[0]
    constant = message((4, "Constant"), (5, message((22, message((3, 2**40))))))
    assert "sparse" in read(model(graph((1, constant)))).refusals[0]


@pytest.mark.parametrize("depth", [17, 100, 5000])
def test_graphs_in_graphs_are_bounded(refused: Callable[[bytes], str], depth: int) -> None:
    nested = message((4, "If"))
    for _ in range(depth):
        nested = message((4, "If"), (5, message((6, message((1, nested))))))
    assert "without end" in refused(model(graph((1, nested))))


def test_graphs_in_graphs_are_read(read: Callable[[bytes], OnnxFile]) -> None:
    nested = message((4, "Deep"))
    for _ in range(15):
        nested = message((4, "If"), (5, message((6, message((1, nested))))))
    assert read(model(graph((1, nested)))).operators == {"MatMul", "If", "Deep"}


# What is no model, and what was one


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"\x08\x08",
        b"\x08\x08\x3a\x00",  # a graph of nothing, by nobody
        b"PK\x03\x04" + bytes(100),
        b"\x80\x02}q\x00.",
        b"\x89HDF\r\n\x1a\n" + bytes(100),
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}",
        b'{"a": {"dtype": "F32"}}',
        message((1, "graph"), (2, "text")),
        message((1, 1), (2, bytes(5000))),  # a saved model of TensorFlow
        message((1, 5), (2, message((1, "input"))), (500, b"net")),  # a model of Core ML
        message((2, "by hand"), (7, graph())),
        message((1, 8), (2, "by hand")),
        message((1, 0), (2, "by hand"), (7, graph())),
        message((1, 1000), (2, "by hand"), (7, graph())),
        model(graph(), (27, b"")),
    ],
)
def test_other_files_are_not_onnx(write: Callable[..., Path], content: bytes) -> None:
    assert onnx_file.read(write(content)) is None


@given(st.binary(max_size=100))
def test_random_bytes_are_not_onnx(write: Callable[..., Path], content: bytes) -> None:
    assert onnx_file.read(write(content)) is None


@given(st.binary(max_size=30))
def test_random_bytes_behind_a_head_are_refused_or_none(write: Callable[..., Path], tail: bytes) -> None:
    path = write(message((1, 8), (2, "by hand")) + tail)
    words = complaint(path, onnx_file.read)
    assert words is None or words.isprintable()
    assert words or onnx_file.read(path) is None


def test_a_folder_and_a_missing_file_are_none(tmp_path: Path) -> None:
    assert onnx_file.read(tmp_path) is None
    assert onnx_file.read(tmp_path / "net.onnx") is None


def test_a_model_cut_at_any_byte_is_damaged_or_none(write: Callable[..., Path]) -> None:
    content = model(graph())
    damaged = 0
    for end in range(len(content)):
        path = write(content[:end])
        words = complaint(path, onnx_file.read)
        if words:
            damaged += 1
            assert "damaged ONNX file" in words
            continue
        found = onnx_file.read(path)
        # Behind the graph, the version of the operators is all that may be missing.
        assert found is None or found.initializers == {"w": TensorSpec((4, 2), "float32")}
    assert damaged > len(content) * 0.7


def test_a_model_with_changed_bytes_is_read_or_refused_in_one_line(write: Callable[..., Path]) -> None:
    content = model(graph((11, value("label", "b", kind=7))), (14, message((1, "epoch"), (2, "7"))))
    chance = random.Random(0)
    outcomes = {True: 0, False: 0}
    for _ in range(2000):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(changed))
            changed[place : place + chance.choice([1, 1, 1, 0, 4])] = chance.randbytes(chance.choice([1, 1, 1, 0, 4]))
        words = complaint(write(bytes(changed)), onnx_file.read)
        outcomes[bool(words)] += 1
        assert words is None or words.isprintable()
    assert min(outcomes.values()) > 200


def test_lengths_of_terabytes_cost_nothing(refused: Callable[[bytes], str]) -> None:
    huge = varint(2**42)
    weight = message((1, 2**38), (2, 1), (8, "w")) + b"\x4a" + huge
    heads = [
        message((1, 8), (2, "by hand")) + b"\x3a" + huge + graph(),
        model(b"\x0a" + huge + NODE),
        model(message((1, NODE)) + b"\x2a" + huge + W),
        model(graph(weight=weight)),
        model(graph(node=b"\x0a" + huge)),
    ]
    tracemalloc.start()
    try:
        for content in heads:
            assert "cut off" in refused(content)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "filling",
    [
        model(graph((1, b"\x0a\x00" * 20_000))),
        model(graph() + message((1, message((4, "A")))) * 10_000),
        model(graph(), *[(8, b"")] * 20_000),
        model(graph(weight=message((1, b"\x01" * 20_000)))),
    ],
    ids=["inputs", "nodes", "opsets", "dimensions"],
)
def test_fields_without_end_are_bounded(refused: Callable[..., str], filling: bytes) -> None:
    def read(path: Path) -> object:
        with path.open("rb") as file:
            return onnx_file.parse(path, Wire(file, path.stat().st_size, 10_000))

    tracemalloc.start()
    try:
        assert re.search("more than 10,000 fields|fields that a model does not have", refused(filling, read))
        assert tracemalloc.get_traced_memory()[1] < 200 * 10_000 + 2e6
    finally:
        tracemalloc.stop()


# Against the onnx package


@pytest.mark.formats
def test_all_that_is_read_is_what_the_onnx_package_reads(write: Callable[..., Path]) -> None:
    import onnx
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(5, 3)
            self.net = nn.Sequential(nn.Linear(7, 300), nn.BatchNorm1d(300), nn.LeakyReLU(0.2), nn.Linear(300, 2))

        def forward(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return self.net(torch.cat([z, self.table(y)], 1))  # type: ignore[no-any-return]

    for modern, external in ((True, True), (True, False), (False, False)):
        path = write(b"", "net.onnx")
        arguments = (torch.randn(2, 4), torch.tensor([1, 2]))
        options: dict[str, Any] = {"external_data": external} if modern else {}
        torch.onnx.export(
            Net().eval(), arguments, path, input_names=["z", "y"], dynamo=modern, verbose=False, **options
        )
        theirs = onnx.load(path)
        onnx.checker.check_model(theirs)
        found = onnx_file.read(path)
        assert found is not None
        assert found.producer == f"pytorch {theirs.producer_version}"
        assert found.opsets == {each.domain: each.version for each in theirs.opset_import}
        assert found.data == (("net.onnx.data",) if external else ())
        assert found.refusals == ()
        names = {1: "float32", 7: "int64"}
        assert found.initializers == {
            each.name: TensorSpec(tuple(each.dims), names[each.data_type]) for each in theirs.graph.initializer
        }
        for ours, protos in ((found.inputs, theirs.graph.input), (found.outputs, theirs.graph.output)):
            assert ours == tuple(
                Input(
                    each.name,
                    tuple(n.dim_value for n in each.type.tensor_type.shape.dim),
                    names[each.type.tensor_type.elem_type],
                )
                for each in protos
            )
        assert [(n.operator, n.inputs) for n in found.nodes] == [(n.op_type, tuple(n.input)) for n in theirs.graph.node]


@pytest.mark.formats
def test_every_type_of_number(read: Callable[[bytes], OnnxFile]) -> None:
    from onnx import TensorProto

    known: dict[int, tuple[str, int]] = {}
    for name, kind in TensorProto.DataType.items():
        width = re.search(r"\d+", name)
        known[kind] = (name.lower(), int(width[0]) if width else 0)
    renamed = {1: ("float32", 32), 9: ("bool", 8), 11: ("float64", 64)}
    for kind, (name, bits) in (known | renamed).items():
        if kind in (TensorProto.UNDEFINED, TensorProto.STRING):
            continue
        dtype = re.sub(r"^(float\d)(e)", r"\1_\2", name)
        found = read(model(graph(weight=tensor("w", (8,), bytes(bits), kind))))
        assert found.initializers == {"w": TensorSpec((8,), dtype)}
