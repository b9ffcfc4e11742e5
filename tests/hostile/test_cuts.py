"""Files of every kind that is read, cut at every twentieth of their length; random bytes behind their first ones."""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

PARTS = 20
Writers = Mapping[str, Callable[[Path], object]]


def net() -> nn.Sequential:
    """A small network."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def scripted(path: Path) -> None:
    """TorchScript."""
    torch.jit.trace(net(), torch.zeros(2, 4)).save(str(path))  # type: ignore[no-untyped-call]


def exported(path: Path) -> None:
    """torch.export, which wants its own suffix."""
    torch.export.save(torch.export.export(net(), (torch.zeros(2, 4),)), path.with_suffix(".pt2"))
    path.with_suffix(".pt2").rename(path)


def safetensors(path: Path) -> None:
    """safetensors."""
    from safetensors.torch import save_file

    save_file(net().state_dict(), path)


def lightning(path: Path) -> None:
    """What a Lightning trainer saves, in short."""
    state = {f"generator.{k}": v for k, v in net().state_dict().items()}
    torch.save({"epoch": 1, "global_step": 2, "pytorch-lightning_version": "2.6.6", "state_dict": state}, path)


def archived(path: Path) -> None:
    """npz."""
    with path.open("wb") as file:
        np.savez(file, samples=np.ones((20, 3), np.float32), labels=np.arange(20))


def arrayed(path: Path) -> None:
    """npy."""
    with path.open("wb") as file:
        np.save(file, np.ones((20, 3), np.float32))


def pickled(path: Path) -> None:
    """A plain pickle in the form of NVIDIA's: each network a call of torch_utils.persistence."""
    meta = {"type": "class", "version": 6, "module_src": "", "class_name": "Generator", "state": net().__dict__}
    persistent = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n(" + pickle.dumps(meta, 3)[2:-1] + b"tR"
    path.write_bytes(b"\x80\x03}X\x01\0\0\0G" + persistent + b"s.")


WRITERS: Writers = {
    "torch zip": lambda path: torch.save(net().state_dict(), path),
    "torch legacy": lambda path: torch.save(net().state_dict(), path, _use_new_zipfile_serialization=False),
    "module": lambda path: torch.save(net(), path),
    "torchscript": scripted,
    "pt2": exported,
    "safetensors": safetensors,
    "lightning": lightning,
    "npz": archived,
    "npy": arrayed,
    "StyleGAN": pickled,
}


def keras(suffix: str) -> Callable[[Path], None]:
    """A Keras file of one of its three forms."""

    def write(path: Path) -> None:
        os.environ.setdefault("KERAS_BACKEND", "torch")
        import keras

        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(1)])
        named = path.with_name(f"file{suffix}")
        model.save_weights(named) if suffix == ".weights.h5" else model.save(named)
        named.rename(path)

    return write


def onnx(path: Path) -> None:
    """ONNX."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.ones((4, 8), np.float32), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 8])
    model = helper.make_model(helper.make_graph([node], "g", [x], [y], [weight]), producer_name="test")
    onnx.save(model, path)


OPTIONAL: Writers = {
    "onnx": onnx,
    "keras": keras(".keras"),
    "keras h5": keras(".h5"),
    "keras weights": keras(".weights.h5"),
}


MAGIC: Mapping[str, bytes] = {
    "zip": b"PK\x03\x04",
    "zip of torch": b"PK\x03\x04" + bytes(22) + b"\x10\0\0\0archive/data.pkl",
    "zip without records": b"PK\x05\x06",
    "legacy": b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
    "legacy header": b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}X\r\0\0\0little_endian\x88s.",
    "pickle": b"\x80\x04\x95",
    "safetensors": b'\x40\0\0\0\0\0\0\0{"',
    "npy": b"\x93NUMPY\x01\0",
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(5) + b"\x08\x08\0",
    "ONNX": b"\x08\x08\x12\x01a\x3a",
    "nothing": b"",
}


def cuts(writers: Writers, folder: Path) -> dict[tuple[str, int], bytes]:
    """What each of them writes, cut: by the number of twentieths that are left."""
    found: dict[tuple[str, int], bytes] = {}
    for name, write in writers.items():
        path = folder / name.replace(" ", "-")
        path.mkdir(parents=True)
        write(path / "file")
        content = (path / "file").read_bytes()
        found |= {(name, k): content[: len(content) * k // PARTS] for k in range(1, PARTS + 1)}
    return found


def check(verdicts: Any) -> None:
    """Whole files are what they are; of cut ones there is nothing to see."""
    whole = {name: verdicts.pop((name, part)) for name, part in [*verdicts] if part == PARTS}
    assert [name for name, verdict in whole.items() if verdict.code or not verdict.file["keys"]] == []
    assert verdicts.faults == {}
    assert [case for case, verdict in verdicts.items() if len(verdict.problems) != 1 or verdict.file["keys"]] == []


def test_a_file_cut_anywhere_is_refused(judge: Any, tmp_path: Path) -> None:
    check(judge(cuts(WRITERS, tmp_path), most=400))


@pytest.mark.formats
def test_a_file_of_an_optional_library_cut_anywhere_is_refused(judge: Any, tmp_path: Path) -> None:
    check(judge(cuts(OPTIONAL, tmp_path), most=400))


def test_random_bytes_are_refused(judge: Any) -> None:
    chance = random.Random(0)
    files = {(name, n): head + chance.randbytes(n) for name, head in MAGIC.items() for n in (1, 10, 100, 10_000)}
    verdicts = judge(files)
    assert verdicts.faults == {}
    assert [case for case, verdict in verdicts.items() if len(verdict.problems) != 1] == []
