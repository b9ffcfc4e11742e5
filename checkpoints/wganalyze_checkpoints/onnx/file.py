"""The structure of an ONNX file, read from its wire format without the onnx package; field numbers: ``onnx.proto``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wganalyze import CheckpointError, Input, TensorSpec
from wganalyze_checkpoints.bounded import once
from wganalyze_checkpoints.onnx.wire import DamagedModel, Field, Span, Wire
from wganalyze_checkpoints.wording import what_it_says

MAX_DEPTH = 16
_MAX_HEAD = 10_000
_MAX_AXES = 64
_STANDARD = ("", "ai.onnx")

# TensorProto.DataType: name and bits of one number; 0 bits: as long as it is (text).
_DTYPES: Mapping[int, tuple[str, int]] = {
    1: ("float32", 32),
    2: ("uint8", 8),
    3: ("int8", 8),
    4: ("uint16", 16),
    5: ("int16", 16),
    6: ("int32", 32),
    7: ("int64", 64),
    8: ("string", 0),
    9: ("bool", 8),
    10: ("float16", 16),
    11: ("float64", 64),
    12: ("uint32", 32),
    13: ("uint64", 64),
    14: ("complex64", 64),
    15: ("complex128", 128),
    16: ("bfloat16", 16),
    17: ("float8_e4m3fn", 8),
    18: ("float8_e4m3fnuz", 8),
    19: ("float8_e5m2", 8),
    20: ("float8_e5m2fnuz", 8),
    21: ("uint4", 4),
    22: ("int4", 4),
    23: ("float4_e2m1", 4),
    24: ("float8_e8m0", 8),
    25: ("uint2", 2),
    26: ("int2", 2),
    27: ("float6_e2m3", 6),
    28: ("float6_e3m2", 6),
}


class _NotOnnx(ValueError):
    """A file that is no ModelProto at all."""


@dataclass(frozen=True)
class OnnxNode:
    """One operation: what it is called, and the names of the values that it takes."""

    operator: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class OnnxFile:
    """What an ONNX file says of itself.

    ``inputs``: those of the graph that have no initializer. ``foreign``: operators, as "domain.name", beyond the
    standard set and the functions that the file itself composes from it. ``data``: external files by name, all of
    them plain names beside the file; ``refusals``: why it cannot be run, one line each.
    """

    path: Path
    producer: str
    opsets: Mapping[str, int]
    metadata: Mapping[str, str]
    inputs: tuple[Input, ...]
    outputs: tuple[Input, ...]
    initializers: Mapping[str, TensorSpec]
    nodes: tuple[OnnxNode, ...]
    operators: frozenset[str]
    foreign: tuple[str, ...]
    data: tuple[str, ...]
    refusals: tuple[str, ...]


def damaged(path: Path, reason: object) -> CheckpointError:
    """The error for an ONNX file that cannot be what it says it is."""
    return CheckpointError(f"{path}: damaged ONNX file ({what_it_says(reason)}); copy or export it again")


@once
def read(path: Path, size: int) -> OnnxFile | None:
    """The structure of ``path``; None where it is not ONNX; CheckpointError where it is damaged."""
    with path.open("rb") as file:
        return parse(path, Wire(file, size))


def parse(path: Path, wire: Wire) -> OnnxFile | None:
    """As ``read``, from a ``wire`` on the open file."""
    try:
        return _Model(path, wire).read()
    except _NotOnnx:
        return None
    except DamagedModel as error:
        raise damaged(path, error) from error


@dataclass
class _Model:
    """One reading of a ModelProto."""

    path: Path
    wire: Wire
    operators: set[tuple[str, str]] = field(default_factory=set)
    data: dict[str, None] = field(default_factory=dict)
    refusals: dict[str, None] = field(default_factory=dict)

    def read(self) -> OnnxFile:
        head = self._head()
        try:
            return self._content(head)
        except RecursionError:  # the depth is bounded; a caller may be deep already
            raise DamagedModel("graphs in graphs without end") from None
        except DamagedModel as error:
            if any(number == 2 for number, _, _ in head):
                raise
            raise _NotOnnx from error

    def _content(self, head: list[Field]) -> OnnxFile:
        wire = self.wire
        graphs = [value for number, _, value in head if number == 7]
        if len(graphs) != 1:
            raise DamagedModel("several graphs")
        opsets = dict(self._opset(value) for number, _, value in head if number == 8)
        functions = {self._function(value) for number, _, value in head if number == 25}
        metadata = dict(self._pair(value) for number, _, value in head if number == 14)
        nodes, initializers, inputs, outputs = self._graph(graphs[0])
        if not outputs:
            raise DamagedModel("a graph without outputs")
        named = {number: wire.shown(value) for number, _, value in head if number in (2, 3)}
        foreign = {(domain, name) for domain, name in self.operators - functions if domain not in _STANDARD}
        return OnnxFile(
            path=self.path,
            producer=" ".join(filter(None, (named.get(2, ""), named.get(3, "")))),
            opsets=opsets,
            metadata=metadata,
            inputs=tuple(each for each in inputs if each.name not in initializers),
            outputs=tuple(outputs),
            initializers=initializers,
            nodes=tuple(nodes),
            operators=frozenset(name for _, name in self.operators),
            foreign=tuple(sorted(f"{domain}.{name}" for domain, name in foreign)),
            data=tuple(self.data),
            refusals=tuple(self.refusals),
        )

    def _head(self) -> list[Field]:
        """The fields of the ModelProto. A file that does not begin as one is not ONNX; behind that it is damaged.

        All known writers begin with the version, and a producer that is text; other protobuf files do not.
        """
        fields: list[Field] = []
        known = False
        try:
            for number, kind, value in self.wire.fields(Span(0, self.wire.size)):
                first = not fields
                version = number == 1 and isinstance(value, int) and 0 < value < 1000
                if kind != (0 if number in (1, 5) else 2) or first != version or len(fields) > _MAX_HEAD:
                    raise DamagedModel("fields that a model does not have")
                if number in (2, 3, 4):
                    self.wire.text(value)
                    known = known or number == 2
                fields.append((number, kind, value))
        except DamagedModel as error:
            if known:
                raise
            raise _NotOnnx from error
        numbers = {number for number, _, _ in fields}
        if 7 not in numbers or numbers - set(range(1, 27)):
            raise _NotOnnx
        return fields

    def _opset(self, value: int | Span) -> tuple[str, int]:
        domain, version = "", 0
        for number, _, item in self._fields(value):
            if number == 1:
                domain = self.wire.text(item)
            elif number == 2 and isinstance(item, int):
                version = item
        return domain, version

    def _pair(self, value: int | Span) -> tuple[str, str]:
        pair = {number: self.wire.shown(item) for number, _, item in self._fields(value) if number in (1, 2)}
        return pair.get(1, ""), pair.get(2, "")

    def _function(self, value: int | Span) -> tuple[str, str]:
        """(domain, name) of a function that the file composes from operators."""
        domain = name = ""
        for number, _, item in self._fields(value):
            if number == 1:
                name = self.wire.text(item)
            elif number == 10:
                domain = self.wire.text(item)
            elif number == 7:
                self._node(item, 1)
        return domain, name

    def _graph(
        self, value: int | Span, depth: int = 0
    ) -> tuple[list[OnnxNode], dict[str, TensorSpec], list[Input], list[Input]]:
        nodes: list[OnnxNode] = []
        initializers: dict[str, TensorSpec] = {}
        inputs: list[Input] = []
        outputs: list[Input] = []
        for number, _, item in self._fields(value):
            if number == 1:
                nodes.append(self._node(item, depth))
            elif number == 5:
                name, spec = self._tensor(item)
                if initializers.setdefault(name, spec) is not spec:
                    raise DamagedModel(f"two initializers of the name {name!r}")
            elif number == 11:
                inputs.append(self._value_info(item))
            elif number == 12:
                outputs.append(self._value_info(item))
            elif number == 15:
                self.refusals.setdefault("it holds sparse tensors, which this tool does not read")
        return nodes, initializers, inputs, outputs

    def _node(self, value: int | Span, depth: int) -> OnnxNode:
        if depth > MAX_DEPTH:
            raise DamagedModel("graphs in graphs without end")
        texts: dict[int, list[str]] = {1: [], 2: [], 4: [], 7: []}
        for number, _, item in self._fields(value):
            if number in texts:
                texts[number].append(self.wire.text(item))
            elif number == 5:
                self._attribute(item, depth)
        operator, domain = "".join(texts[4][-1:]), "".join(texts[7][-1:])
        if not operator:
            raise DamagedModel("a node without an operator")
        self.operators.add((domain, operator))
        return OnnxNode(operator, tuple(texts[1]))

    def _attribute(self, value: int | Span, depth: int) -> None:
        for number, _, item in self._fields(value):
            if number in (5, 10):
                self._tensor(item)
            elif number in (6, 11):
                self._graph(item, depth + 1)
            elif number in (22, 23):
                self.refusals.setdefault("it holds sparse tensors, which this tool does not read")

    def _tensor(self, value: int | Span) -> tuple[str, TensorSpec]:
        """Name and layout of a tensor whose numbers are there."""
        name, dims, kind, stored, raw, external = "", list[int](), 0, 0, False, dict[str, str]()
        for number, wire_type, item in self._fields(value):
            if number == 1:
                dims += self.wire.numbers(item)
            elif number == 2 and isinstance(item, int):
                kind = item
            elif number == 8:
                name = self.wire.text(item)
            elif number in (4, 5, 6, 7, 9, 10, 11):
                stored += item.length if isinstance(item, Span) else 8 if wire_type == 1 else 4
                raw = raw or number == 9
            elif number == 13:
                external.update([self._pair(item)])
        if len(dims) > _MAX_AXES or any(not 0 <= n < 2**48 for n in dims):
            raise DamagedModel("a tensor with a shape that cannot be")
        dtype, bits = _DTYPES.get(kind, ("", 0))
        if not dtype:
            raise DamagedModel(f"the tensor {name!r} has no known type")
        size = math.prod(dims)
        if external:
            self._external(name, -(-size * bits // 8), external)
        elif (raw and stored != -(-size * bits // 8)) or (not raw and bits and size > 2 * stored):
            raise DamagedModel(f"the tensor {name!r} of {size:,} numbers holds {stored:,} bytes")
        return name, TensorSpec(tuple(dims), dtype)

    def _external(self, name: str, needed: int, entries: Mapping[str, str]) -> None:
        """A tensor in another file: a plain name beside this one, and long enough."""
        location = entries.get("location", "")
        if not location or location in (".", "..") or Path(location).name != location or "\\" in location:
            raise DamagedModel(f"the tensor {name!r} would lie outside of the folder: {location!r}")
        numbers = [entries.get(key, default) for key, default in (("offset", "0"), ("length", str(needed)))]
        if not all(n.isascii() and n.isdigit() and len(n) < 19 for n in numbers) or int(numbers[1]) != needed:
            raise DamagedModel(f"the tensor {name!r} has no place in {location!r}")
        self.data.setdefault(location)
        data = self.path.parent / location
        if not data.is_file():
            self.refusals.setdefault(f"its weights lie in {location}, which is missing: put it beside the file")
        elif int(numbers[0]) + needed > data.stat().st_size:
            self.refusals.setdefault(f"{location}, which holds its weights, was cut off: copy or export it again")

    def _value_info(self, value: int | Span) -> Input:
        name, kind, shape = "", "", None
        for number, _, item in self._fields(value):
            if number == 1:
                name = self.wire.text(item)
            elif number == 2:
                for sort, _, tensor in self._fields(item):
                    kind, shape = self._tensor_type(tensor) if sort == 1 else ("", None)
        return Input(name, shape, kind)

    def _tensor_type(self, value: int | Span) -> tuple[str, tuple[int | None, ...] | None]:
        kind, shape = "", None
        for number, _, item in self._fields(value):
            if number == 1 and isinstance(item, int):
                kind = _DTYPES.get(item, ("", 0))[0]
            elif number == 2:
                shape = tuple(self._dimension(dim) for sort, _, dim in self._fields(item) if sort == 1)
                if len(shape) > _MAX_AXES:
                    raise DamagedModel("a shape that cannot be")
        return kind, shape

    def _dimension(self, value: int | Span) -> int | None:
        """None where any size will do; some writers say so by -1 or 0."""
        stated = [item for number, _, item in self._fields(value) if number == 1 and isinstance(item, int)]
        return stated[-1] if stated and 0 < stated[-1] < 2**48 else None

    def _fields(self, value: int | Span) -> Iterator[Field]:
        if not isinstance(value, Span):
            raise DamagedModel("a number in the place of a message")
        return self.wire.fields(value)
