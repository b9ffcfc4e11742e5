"""Programs written by ``torch.export.save`` (.pt2): described from their JSON headers, and run only with trust.

Layouts: PyTorch's ``torch/export/pt2_archive`` (one folder in a zip, ``models/NAME.json``), and before it (2.6) a zip
with ``serialized_exported_program.json``. Packages that AOTInductor compiled share the first: they are described only.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from wganalyze import CheckpointError, Input, Loader, Part, TensorSpec, hookimpl
from wganalyze_checkpoints import bounded
from wganalyze_checkpoints.pickles.tensors import ITEM_SIZE
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch.headers import Argument, Header, Size

if TYPE_CHECKING:
    from torch.nn import Module

MAX_JSON = 16 * 2**20
"""Bytes of one header; parsed, it takes twenty times as much. That of a StyleGAN takes one or two million."""

_ERRORS = (ValueError, RuntimeError, EOFError, OverflowError, OSError, zipfile.BadZipFile, zlib.error, struct.error)
_OLD = "serialized_exported_program.json"
_FIRST_RECORD = re.compile(rb"[^/]+/(data/(weights|constants|aotinductor)|models)/|serialized_exported_program\.json$")
_LONGEST_NAME = 1000
_DTYPES: Mapping[int, str] = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16",
    29: "float8_e4m3fn", 30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz",
    33: "float8_e8m0fnu", 34: "uint32", 35: "uint64",
}  # fmt: skip
"""``torch._export.serde.schema.ScalarType``."""


@dataclass(frozen=True)
class _Layout:
    """Where things lie: headers by the program's name; names of compiled programs."""

    root: str
    headers: Mapping[str, str]
    compiled: tuple[str, ...]


class TorchExport(Loader):
    """The loader of kind "torch-export"."""

    name = "torch-export"

    def sniff(self, path: Path) -> float:
        """High for such an archive; low for one that was cut off, so that it says so."""
        try:
            if _layout(path) is not None:
                return 0.95
            with path.open("rb") as file:
                return 0.3 if _FIRST_RECORD.match(_first_record(file)) else 0.0
        except _ERRORS:
            return 0.0

    def open(self, path: Path) -> list[Part]:
        """One Part per program, from its header; nothing of it is run."""
        try:
            return _open(path, self.name)
        except OSError as error:  # also of an offset in the zip that cannot be
            raise CheckpointError(f"{path}: cannot be read ({error.strerror or error}); save it again") from error
        except (KeyError, TypeError, AttributeError) as error:
            raise torch_file.damaged(path, "a header that is not as torch.export writes it") from error
        except RecursionError as error:
            raise torch_file.damaged(path, "a header nested too deeply") from error
        except _ERRORS as error:
            raise torch_file.damaged(path, error) from error


def _open(path: Path, kind: str) -> list[Part]:
    with path.open("rb") as file:
        begins = _FIRST_RECORD.match(_first_record(file))
        layout = _layout(path)
        headers: dict[str, Header] = {}
        if layout is not None:
            with zipfile.ZipFile(file) as archive:
                torch_file.check_archive(archive.infolist(), path.stat().st_size)
                if sum(archive.getinfo(record).file_size for record in layout.headers.values()) > MAX_JSON:
                    raise ValueError(f"headers of more than {MAX_JSON:,} bytes")
                headers = {name: _header(archive, layout, name) for name in layout.headers}
    if layout is None and begins:  # the end that is found may be that of a zip inside it, the sample inputs
        raise ValueError("a zip without its end: it was cut off")
    if layout is None:
        raise CheckpointError(f"{path}: is no exported program; write it with torch.export.save")
    if not layout.headers and not layout.compiled:
        raise CheckpointError(f"{path}: is a PT2 archive without a program; write it with torch.export.save")
    parts = [_part(path, kind, name, header) for name, header in headers.items()]
    return parts + [Part(path, kind, _part_name(name), problems=(_COMPILED,)) for name in layout.compiled]


_COMPILED = (
    "machine code that AOTInductor compiled, which has no gradients and is not run; "
    "save the exported program itself with torch.export.save"
)


def _part(path: Path, kind: str, name: str, header: Header) -> Part:
    return Part(
        path,
        kind,
        _part_name(name),
        keys=header.keys,
        facts={"torch_version": header.version} if header.version else {},
        read_module=partial(_read_module, path, name, header),
        problems=("a program of torch.export: give --trust to run it if you know who wrote it",),
        inputs=tuple(Input(a.name, tuple(size.fixed for size in a.sizes), a.dtype) for a in header.arguments),
    )


def _read_module(path: Path, name: str, header: Header) -> Module:
    from wganalyze_checkpoints.torch.programs import read_exported

    return read_exported(path, name, header)


def _part_name(name: str) -> str:
    """``torch.export.save`` calls all programs "model", which says nothing."""
    return "" if name == "model" else name


def _first_record(file: BinaryIO) -> bytes:
    """The name of the first record of a zip; b"" for another file."""
    head = file.read(512)
    if len(head) < 30 or not head.startswith(b"PK\x03\x04"):
        return b""
    return head[30 : 30 + struct.unpack("<H", head[26:28])[0]]


def _layout(path: Path) -> _Layout | None:
    """Where an archive's programs lie; None for a zip of another kind, and for no zip."""
    names = [info.filename for info in bounded.records(path) or ()]
    if any(name.count("/") == 1 and name.endswith("/data.pkl") for name in names):  # torch.save, torch.jit.save
        return None
    if _OLD in names:
        return _Layout("", {"model": _OLD}, ())
    roots = [name.removesuffix("archive_format") for name in names if re.fullmatch("[^/]+/archive_format", name)]
    if len(roots) != 1:
        return None
    with zipfile.ZipFile(path) as archive:
        if _content(archive, roots[0] + "archive_format", 16) != b"pt2":
            return None
    root = re.escape(roots[0])
    programs = [m for name in names if (m := re.fullmatch(rf"{root}models/([^/]+)\.json", name))]
    compiled = [m[1] for name in names if (m := re.match(rf"{root}data/aotinductor/([^/]+)/", name))]
    headers = {_named(m[1]): m[0] for m in programs}
    return _Layout(roots[0], headers, tuple(_named(name) for name in dict.fromkeys(compiled)))


def _named(text: object) -> str:
    if not isinstance(text, str) or not text.isprintable() or len(text) > _LONGEST_NAME:
        raise ValueError("a name that cannot be shown")
    return text


def _content(archive: zipfile.ZipFile, record: str, most: int) -> bytes:
    size = archive.getinfo(record).file_size
    if size > most:
        raise ValueError(f"{record} has {size:,} bytes")
    with archive.open(record) as stream:  # archive.read() would unpack a bomb that states a small size
        return stream.read(size)


def _json(archive: zipfile.ZipFile, record: str) -> Any:
    return bounded.parse_json(_content(archive, record, MAX_JSON))


def _header(archive: zipfile.ZipFile, layout: _Layout, name: str) -> Header:
    document = _json(archive, layout.headers[name])
    module = document["graph_module"]
    values = module["graph"]["tensor_values"]
    ranges = document.get("range_constraints") or {}
    keys: dict[str, TensorSpec] = {}
    arguments: list[Argument] = []
    for spec in module["signature"]["input_specs"]:
        ((kind, body),) = spec.items()
        if kind == "user_input" and "as_tensor" in body["arg"]:
            value = body["arg"]["as_tensor"]["name"]
            arguments.append(Argument(_named(value), *_described(values[value], ranges)))
        elif kind == "parameter" or (kind == "buffer" and body.get("persistent", True)):
            dtype, sizes = _described(values[body["arg"]["name"]], ranges)
            keys[_named(body[f"{kind}_name"])] = TensorSpec(tuple(size.example for size in sizes), dtype)
    config = f"{layout.root}data/weights/{name}_weights_config.json"
    if config in archive.namelist():
        _check_weights(archive, f"{layout.root}data/weights/", _json(archive, config)["config"])
    version = document.get("torch_version")
    return Header(keys, tuple(arguments), version if isinstance(version, str) and version.isprintable() else "")


def _described(meta: Mapping[str, Any], ranges: Mapping[str, Any]) -> tuple[str, tuple[Size, ...]]:
    """Dtype and sizes of a tensor, from the header's ``TensorMeta``."""
    if len(meta["sizes"]) > 64 or meta["dtype"] not in _DTYPES:
        raise ValueError("a tensor that cannot be")
    return _DTYPES[meta["dtype"]], tuple(_size(size, ranges) for size in meta["sizes"])


def _size(size: Mapping[str, Any], ranges: Mapping[str, Any]) -> Size:
    """A number, or an expression; the range is known where that is a lone symbol."""
    if "as_int" in size:
        number = _natural(size["as_int"])
        return Size(number, number, number)
    expression = size["as_expr"]
    symbol = re.fullmatch(r"(?:Symbol\(')?(\w+)(?:'[^']*\))?", expression["expr_str"][:_LONGEST_NAME])
    limits = (ranges.get(symbol[1]) if symbol else None) or {}
    hint = (expression.get("hint") or {}).get("as_int")
    least, most = limits.get("min_val"), limits.get("max_val")
    least = 1 if least is None else max(1, _natural(least))
    most = None if most is None or most >= 2**48 else max(least, _natural(most))
    return Size(least, most, least if hint is None else _natural(hint))


def _natural(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**48:
        raise ValueError("a size that cannot be")
    return value


def _check_weights(archive: zipfile.ZipFile, folder: str, config: Mapping[str, Any]) -> None:
    """Every stored tensor is there, and as long as its header says."""
    records = {info.filename: info.file_size for info in archive.infolist()}
    for key, entry in config.items():
        size = records.get(folder + entry["path_name"])
        if size is None:
            raise ValueError(f"the weight {key} is missing")
        meta = entry.get("tensor_meta")
        if entry["use_pickle"] or meta is None:
            continue
        dtype, sizes = _described(meta, {})
        strides = [_natural(stride.get("as_int", 0)) for stride in meta["strides"]]
        shape = [s.example for s in sizes]
        last = sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True)) + 1 if all(shape) else 0
        if last * ITEM_SIZE.get(dtype, 1) > size:
            raise ValueError(f"the weight {key} ends early")


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loader of exported programs."""
    return [TorchExport]
