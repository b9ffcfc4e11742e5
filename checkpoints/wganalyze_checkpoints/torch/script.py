"""TorchScript archives written by ``torch.jit.save``: programs, which are described, and run only with trust."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wganalyze import CheckpointError, Input, Loader, Part, hookimpl
from wganalyze_checkpoints.pickles.inert import DamagedPickle, Inert
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch.file import TorchFile
from wganalyze_checkpoints.torch.modules import script_keys

if TYPE_CHECKING:
    from torch.nn import Module

MAX_CODE = 4 * 2**20
"""Bytes of one file of code; a class with a thousand layers takes a tenth of it."""

_LONGEST_SIGNATURE = 10_000


class TorchScript(Loader):
    """The loader of kind "torchscript"."""

    name = "torchscript"

    def sniff(self, path: Path) -> float:
        """High for a torch zip that carries code."""
        try:
            file = torch_file.read(path)
            return 0.95 if file is not None and file.script else 0.0
        except CheckpointError:
            return 0.0

    def open(self, path: Path) -> list[Part]:
        """One Part for the program, with the keys and shapes of its tensors; its code is not run."""
        file = torch_file.read(path)
        if file is None or not file.script:
            raise CheckpointError(f"{path}: is not TorchScript; write it with torch.jit.save")
        try:
            stored = script_keys(file.root)
        except DamagedPickle as error:
            raise torch_file.damaged(path, error) from error
        problem = "a TorchScript program: give --trust to run it if you know who wrote it"
        return [
            Part(
                path,
                self.name,
                keys={key: tensor.spec for key, tensor in stored.items()},
                read_module=partial(_read_module, path),
                read_weights=partial(file.tensors, stored) if stored else None,
                problems=(problem,),
                inputs=tuple(_inputs(_code(file))),
            ),
        ]


def _code(file: TorchFile) -> str:
    """The text of the program's own class, from ``code/__torch__/PACKAGE/MODULE.py``; "" where there is none."""
    if not isinstance(file.root, Inert):
        return ""
    module, _, name = file.root.name.rpartition(".")
    place = f"/code/{module.replace('.', '/')}.py"
    try:
        with zipfile.ZipFile(file.path) as archive:
            for info in archive.infolist():
                if info.filename.endswith(place) and info.filename.count("/") == place.count("/"):
                    with archive.open(info) as record:
                        text = record.read(min(info.file_size, MAX_CODE)).decode(errors="replace")
                    return text.partition(f"class {name}(Module):")[2]
    except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise torch_file.damaged(file.path, error) from error
    return ""


def _inputs(code: str) -> Iterator[Input]:
    """What ``forward`` takes: names, and the types of all that are not plain tensors."""
    signature = re.search(r"^  def forward\(self\b[^,)]*,?", code, re.MULTILINE)
    if signature is None:
        return
    for parameter in _until_closed(code[signature.end() : signature.end() + _LONGEST_SIGNATURE]):
        name, _, kind = parameter.partition(":")
        kind = kind.partition("=")[0].strip()
        if name.strip().isidentifier() and kind.isprintable():
            yield Input(name.strip(), None, "" if kind == "Tensor" else kind)


def _until_closed(text: str) -> Iterator[str]:
    """The parameters before the bracket that closes them."""
    depth = start = 0
    for i, character in enumerate(text):
        if character in "([":
            depth += 1
        elif depth and character in ")]":
            depth -= 1
        elif not depth and character in ",)":
            yield text[start:i]
            start = i + 1
            if character == ")":
                return


def _read_module(path: Path) -> Module:
    import torch

    from wganalyze_checkpoints.torch.programs import Script

    try:
        return Script(torch.jit.load(os.fspath(path), map_location="cpu"))  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError, ValueError) as error:
        raise torch_file.damaged(path, error) from error


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loader of TorchScript archives."""
    return [TorchScript]
