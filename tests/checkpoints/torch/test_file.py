"""The headers of torch files, zip and legacy: what torch.load would say."""

from __future__ import annotations

import io
import os
import pickle
import sys
import types
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.checkpoints.conftest import FORMS, forms
from tests.checkpoints.torch.conftest import read
from torch import Tensor, nn

from wganalyze.contracts.loader import TensorSpec
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.pickles.inert import Inert
from wganalyze_checkpoints.pickles.tensors import ITEM_SIZE, StoredTensor
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch.file import TorchFile


def stored(path: Path) -> tuple[TorchFile, dict[str, StoredTensor]]:
    """A file that holds one dict of tensors, and these."""
    file = read(path)
    assert isinstance(file.root, dict)
    assert all(isinstance(v, StoredTensor) for v in file.root.values())
    return file, file.root


def tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of such a file, from their bytes."""
    file, found = stored(path)
    return file.tensors(found)


def assert_same(found: Tensor, expected: Tensor) -> None:
    """Equal bit by bit, NaN included."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    bits = [t.clone(memory_format=torch.contiguous_format).view(-1).view(torch.uint8) for t in (found, expected)]
    assert bits[0].equal(bits[1])


@forms
def test_form_and_layout(save: Callable[..., Path], form: str) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    file, found = stored(save(net.state_dict(), form))
    assert (file.form, file.script, file.foreign) == (form, False, ())
    assert {k: (t.spec.shape, t.spec.dtype) for k, t in found.items()} == {
        k: (tuple(t.shape), str(t.dtype).removeprefix("torch.")) for k, t in net.state_dict().items()
    }
    assert list(found) == list(net.state_dict())
    assert set(file.places) == {t.storage.key for t in found.values()}


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@forms
@pytest.mark.parametrize("dtype", sorted(ITEM_SIZE))
def test_every_dtype(save: Callable[..., Path], form: str, dtype: str) -> None:
    kind = getattr(torch, dtype)
    noise = torch.randint(0, 2 if dtype == "bool" else 256, (6 * ITEM_SIZE[dtype],), dtype=torch.uint8)
    value = noise.view(kind).reshape(2, 3)
    assert value.element_size() == ITEM_SIZE[dtype]
    path = save({"a": value, "b": torch.zeros((), dtype=kind)}, form)
    found = tensors(path)
    assert stored(path)[1]["a"].spec == TensorSpec((2, 3), dtype)
    assert_same(found["a"], value)
    assert_same(found["b"], torch.zeros((), dtype=kind))


@forms
def test_windows_on_one_storage_stay_windows_on_one_storage(save: Callable[..., Path], form: str) -> None:
    whole = torch.arange(24.0).reshape(4, 6)
    windows = {"whole": whole, "turned": whole.T, "part": whole[1:3, ::2], "row": whole[3], "wide": whole[0:1, 0:1]}
    windows["wide"] = windows["wide"].expand(5, 7)
    path = save(windows, form)
    found = tensors(path)
    for key, value in windows.items():
        assert_same(found[key], value)
        assert found[key].stride() == value.stride()
    assert len(read(path).places) == 1
    found["whole"][1, 2] = -1
    assert found["part"][0, 1] == found["turned"][2, 1] == -1


@forms
def test_parameters_buffers_and_empty_tensors(save: Callable[..., Path], form: str) -> None:
    values = {
        "p": nn.Parameter(torch.randn(2)),
        "e": torch.empty(0, 3),
        "s": torch.tensor(2.5),
        "n": torch.zeros(3)[3:],
    }
    found = tensors(save(OrderedDict(values), form))
    for key, value in values.items():
        assert_same(found[key], value.detach())
        assert not found[key].requires_grad


@st.composite
def views(draw: st.DrawFn) -> dict[str, Tensor]:
    """Tensors that are windows on a few storages."""
    result = {}
    for i in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8]))
        base = torch.arange(draw(st.integers(1, 40))).to(kind)
        for j in range(draw(st.integers(1, 3))):
            offset = draw(st.integers(0, len(base) - 1))
            shape, stride, room = [], [], len(base) - 1 - offset
            for _ in range(draw(st.integers(0, 3))):
                step = draw(st.integers(0, 5))
                count = draw(st.integers(0, 1 + (min(room // step, 4) if step else 3)))
                shape.append(count)
                stride.append(step)
                room -= max(0, count - 1) * step
            result[f"{i}.{j}"] = base.as_strided(shape, stride, offset)
    return result


@given(views(), st.sampled_from(FORMS), st.integers(2, 5))
def test_agrees_with_torch_load(save: Callable[..., Path], values: dict[str, Tensor], form: str, protocol: int) -> None:
    path = save(values, form, protocol=protocol)
    found = tensors(path)
    expected = torch.load(path, weights_only=protocol == 2)  # torch reads newer protocols only where it may execute
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert_same(found[key], value)
        assert found[key].stride() == value.stride()


@forms
def test_what_needs_code_is_named(save: Callable[..., Path], form: str) -> None:
    path = save(
        {"a": torch.ones(2), "args": Namespace(lr=1.0), "loss": nn.L1Loss, "set": {1}, "device": torch.device("cpu")},
        form,
    )
    assert read(path).foreign == ("argparse.Namespace", "torch.nn.modules.loss.L1Loss")


class Config:
    """A trainer's own settings."""

    def __init__(self) -> None:
        self.lr, self.child = 0.1, {"x": torch.ones(1)}


def config_of(name: str, content: object) -> object:
    """An object of a class that a module ``name`` defines, as OmegaConf's are pickled: by ``__setstate__``."""
    module, _, cls = name.rpartition(".")
    kind = type(cls, (), {"__module__": module, "__reduce__": lambda self: (kind, (), content)})
    return kind()


@forms
@pytest.mark.parametrize("protocol", [2, 4])
def test_foreign_objects_beside_tensors_are_placeholders_and_their_modules_stay_unimported(
    save: Callable[..., Path], form: str, protocol: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["omegaconf.dictconfig.DictConfig", "omegaconf_nodes.base.AnyNode", "hydra_trainer.config.TrainConfig"]
    objects = [config_of(name, {"_content": {"lr": 0.1}, "_flags": None}) for name in names]
    for name, value in zip(names, objects, strict=True):  # pickle looks each class up while it writes
        package, module, cls = name.split(".")
        for place in (package, f"{package}.{module}"):
            monkeypatch.setitem(sys.modules, place, types.ModuleType(place))
        setattr(sys.modules[f"{package}.{module}"], cls, type(value))
    weights = {"w": torch.randn(3)}
    path = save({"G": weights, "cfg": objects, "args": Namespace(lr=1), "config": Config()}, form, protocol=protocol)
    monkeypatch.undo()
    file = read(path)
    assert {*names, "argparse.Namespace"} < set(file.foreign)
    assert isinstance(file.root, dict)
    assert [value.name for value in file.root["cfg"]] == names
    assert file.root["config"].attributes["lr"] == 0.1
    assert_same(file.tensors(file.root["G"])["w"], weights["w"])
    assert not {name.partition(".")[0] for name in names} & sys.modules.keys()


@forms
def test_tensors_that_it_cannot_read_are_inert(save: Callable[..., Path], form: str) -> None:
    sparse = torch.eye(3).to_sparse()
    file = read(save({"a": torch.ones(2), "s": sparse, "meta": torch.empty(2, device="meta")}, form))
    assert isinstance(file.root, dict)
    assert isinstance(file.root["s"], Inert)
    assert isinstance(file.root["meta"], Inert)
    assert_same(file.tensors({"a": file.root["a"]})["a"], torch.ones(2))


@pytest.mark.filterwarnings("ignore:.*quantize")
@forms
def test_a_quantized_tensor_does_not_spoil_its_file(save: Callable[..., Path], form: str) -> None:
    quantized = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)
    file = read(save({"q": quantized, "a": torch.ones(2)}, form))
    assert isinstance(file.root, dict)
    assert_same(file.tensors({"a": file.root["a"]})["a"], torch.ones(2))


def test_an_archive_is_opened_once_for_all_its_tensors(
    save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counted(zipfile.ZipFile):
        opened = 0

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            Counted.opened += 1
            super().__init__(*args, **kwargs)

    file, found = stored(save({str(i): torch.full((2,), i) for i in range(20)}))
    monkeypatch.setattr(zipfile, "ZipFile", Counted)
    assert [int(t[0]) for t in file.tensors(found).values()] == list(range(20))
    assert Counted.opened == 1


# What torch did not write


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"these are not the weights",
        "loss\n0,1\n".encode("utf-16"),
        b"\x80",
        b"PK",
        b"PK\x03\x04",
        pickle.dumps({"a": [1.0, 2.0]}, 2),
        pickle.dumps("text"),
        b"\x80\x02N.",
        bytes(1000),
    ],
)
def test_other_files_are_not_of_torch(write: Callable[..., Path], content: bytes) -> None:
    assert torch_file.read(write(content)) is None


@pytest.mark.parametrize("names", [[], ["a.npy"], ["data.pkl"], ["a/b/data.pkl"]])
def test_other_zips_are_not_of_torch(write: Callable[..., Path], names: list[str]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"N.")
    assert torch_file.read(write(buffer.getvalue())) is None


def test_a_folder_a_missing_file_and_a_pipe_are_not_of_torch(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "none.pt", tmp_path / "pipe", tmp_path / "loop"):
        assert torch_file.read(path) is None
    with pytest.raises(CheckpointError, match=r"cannot be read \(File name too long\); check the file"):
        torch_file.read(tmp_path / ("n" * 300))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error(save: Callable[..., Path]) -> None:
    path = save({"a": torch.ones(2)})
    path.chmod(0)
    with pytest.raises(CheckpointError, match="Permission denied"):
        torch_file.read(path)


# Files that change


def test_a_file_that_was_replaced_is_read_again(save: Callable[..., Path]) -> None:
    path = save({"a": torch.ones(2)})
    assert stored(path)[1]["a"].spec.shape == (2,)
    assert read(path) is read(path)
    path.write_bytes(save({"a": torch.ones(3, 1000)}).read_bytes())
    assert stored(path)[1]["a"].spec.shape == (3, 1000)


def test_a_file_that_shrinks_after_its_headers_were_read_is_damaged(save: Callable[..., Path]) -> None:
    for form in FORMS:
        path = save({"a": torch.ones(1000)}, form)
        file, found = stored(path)
        path.write_bytes(path.read_bytes()[:-3000])
        with pytest.raises(CheckpointError, match="damaged"):
            file.tensors(found)
        path.unlink()
        with pytest.raises(CheckpointError, match="damaged"):
            file.tensors(found)


# Words


def test_an_error_without_words_is_named_by_its_class(tmp_path: Path) -> None:
    assert "(EOFError)" in str(torch_file.damaged(tmp_path, EOFError()))
