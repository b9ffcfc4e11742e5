"""Plain pickles, joblib dumps and packed files are read as what ``torch.save`` writes, under any name; nothing runs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import random
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from tests.checkpoints.conftest import assert_holds, complaint, weights_of
from torch import nn

from wganalyze.contracts.loader import Part
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.pickles import packing
from wganalyze_checkpoints.torch import plain_pickle, reading
from wganalyze_checkpoints.torch.module_pickle import TorchModulePickle
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADER = TorchStateDict()
PROTOCOLS = pytest.mark.parametrize("protocol", range(6))
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}
packed = pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def joblib_bytes(value: object, **options: Any) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(value, buffer, **options)
    return buffer.getvalue()


def opened(path: Path) -> dict[str, Part]:
    assert (LOADER.sniff(path), TorchModulePickle().sniff(path)) == (0.9, 0)
    return {part.name: part for part in LOADER.open(path)}


@PROTOCOLS
@packed
def test_a_pickled_state_dict(write: Callable[..., Path], protocol: int, pack: Callable[[bytes], bytes]) -> None:
    state = network().state_dict()
    path = write(pack(pickle.dumps(state, protocol)), "G_weights.torch")
    (part,) = opened(path).values()
    assert_holds(part, state)
    assert (part.problems, part.asks_for) == ((), ())


@PROTOCOLS
def test_networks_and_facts_in_a_dict(write: Callable[..., Path], protocol: int) -> None:
    g, d = network(1).state_dict(), network(2).state_dict()
    parts = opened(write(pickle.dumps({"epoch": 3, "G": g, "D": OrderedDict(d), "args": {"lr": 0.5}}, protocol)))
    assert list(parts) == ["G", "D"]
    assert_holds(parts["G"], g)
    assert_holds(parts["D"], d)
    assert parts["G"].facts == {"epoch": 3, "args.lr": 0.5}


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_what_joblib_dumps(write: Callable[..., Path], compress: Any) -> None:
    state = network().state_dict()
    history = np.arange(3000.0).reshape(3, 1000)
    path = write(joblib_bytes({"G": state, "history": history, "names": np.array(["a"], object)}, compress=compress))
    parts = opened(path)
    assert list(parts) == ["G"]
    assert_holds(parts["G"], state)


@packed
def test_a_legacy_file_that_is_packed(write: Callable[..., Path], pack: Callable[[bytes], bytes]) -> None:
    buffer = io.BytesIO()
    state = network().state_dict()
    torch.save({"epoch": 5, "net": state}, buffer, _use_new_zipfile_serialization=False)
    (part,) = opened(write(pack(buffer.getvalue()))).values()
    assert part.facts == {"epoch": 5}
    assert_holds(part, state)


@pytest.mark.parametrize("dump", [pickle.dumps, joblib_bytes], ids=["pickle", "joblib"])
def test_a_dict_of_arrays(write: Callable[..., Path], dump: Callable[[object], bytes]) -> None:
    torch_state = network().state_dict()
    arrays = {key: tensor.numpy() for key, tensor in torch_state.items()}
    arrays["3.weight"] = np.asfortranarray(arrays["3.weight"])
    (part,) = opened(write(dump({"step": 9, "generator": arrays}))).values()
    assert (part.name, part.facts) == ("generator", {"step": 9})
    assert_holds(part, torch_state)


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f8", "<f2", ">i4", ">c8", "<c16", "|u1"])
def test_arrays_of_any_numbers(write: Callable[..., Path], dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    array = array * (1 + 2j) if array.dtype.kind == "c" else array
    native = array.astype(array.dtype.newbyteorder("="))
    (part,) = opened(write(pickle.dumps({"weight": array, "bias": np.ones(2, "f4")}))).values()
    assert_holds(part, {"weight": torch.from_numpy(native), "bias": torch.ones(2)})


def test_arrays_that_are_data_are_no_weights(write: Callable[..., Path]) -> None:
    images, losses = np.zeros((5, 2, 2), "f4"), np.zeros(100)
    for value in (
        {"images": images, "labels": np.zeros(5, int)},
        {"data": images, "g_loss": losses, "d_loss": losses},
        {b"weight": images},
        [images, images],
        images,
        {"x": {"images": images}},
        {"epoch": 4, "losses": [1.0, 2.0]},
        {"losses": [torch.tensor(1.0), torch.tensor(2.0)]},
        [torch.ones(3, 2)] * 4,
        [0.5] * 100,
        "text",
        torch.Size([2]),
    ):
        for content in (pickle.dumps(value), joblib_bytes(value, compress=3), pickle.dumps(value, 0)):
            path = write(content, "file.pkl")
            assert LOADER.sniff(path) == 0
            assert TorchModulePickle().sniff(path) == 0


def test_an_object_without_networks_is_not_claimed(write: Callable[..., Path]) -> None:
    from argparse import Namespace

    for value in (Namespace(lr=0.5), network().forward, OSError, {"scaler": Namespace(mean_=np.ones(3))}):
        path = write(pickle.dumps(value))
        assert (LOADER.sniff(path), TorchModulePickle().sniff(path)) == (0, 0)


def test_lz4_is_named(write: Callable[..., Path]) -> None:
    path = write(packing.LZ4 + bytes(100), "G.joblib")
    assert LOADER.sniff(path) > 0
    with pytest.raises(CheckpointError, match=r"packed by lz4, .* unpack it by lz4 -d, or save it with joblib.dump"):
        LOADER.open(path)


# Lists of tensors


@pytest.mark.parametrize("listed", [list, tuple])
@pytest.mark.parametrize("dump", [pickle.dumps, joblib_bytes], ids=["pickle", "joblib"])
def test_a_list_of_parameters(
    write: Callable[..., Path], listed: Callable[..., Any], dump: Callable[[object], bytes]
) -> None:
    parameters = list(network().parameters())
    (part,) = opened(write(dump(listed(parameters)))).values()
    assert_holds(part, {str(i): p.detach() for i, p in enumerate(parameters)})
    (problem,) = part.problems
    assert problem.startswith("a list of 6 tensors without names")


def test_lists_in_a_dict(save: Callable[..., Path]) -> None:
    g, d = list(network(1).parameters()), list(network(2).parameters())
    parts = opened(save({"G": g, "D": d, "epoch": 2}))
    assert list(parts) == ["G", "D"]
    assert parts["G"].facts == {"epoch": 2}
    assert_holds(parts["D"], {str(i): p.detach() for i, p in enumerate(d)})


def test_a_list_beside_a_state_dict_is_none(save: Callable[..., Path]) -> None:
    assert list(opened(save({"G": network().state_dict(), "list": list(network().parameters())}))) == ["G"]


# Harm and damage


def test_harm_is_inert(forge: Any, write: Callable[..., Path], marker: Path) -> None:
    for value in forge.harm(marker).values():
        content = forge.pickle({"x": value, "net": Tensors(network().state_dict())}, 4)
        for pack in PACKED.values():
            path = write(pack(content))
            (part,) = opened(path).values()
            assert_holds(part, network().state_dict())
            assert part.asks_for
            assert not marker.exists()


class Tensors(dict[str, Any]):
    """Pickled as a dict: the forge knows no tensors of its own."""

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedDict, (list(self.items()),)


@pytest.mark.parametrize("dump", [pickle.dumps, joblib_bytes], ids=["pickle", "joblib"])
def test_a_file_that_is_damaged_anywhere_is_refused_in_our_words(
    write: Callable[..., Path], dump: Callable[[object], bytes]
) -> None:
    content = dump({"w": torch.ones(3, 2), "bias": np.ones(300), "a": [1, {"b": 2.5}]})
    for end in range(0, len(content), 7):
        path = write(content[:end])
        message = complaint(path, reading.read)
        assert message is None or message.isprintable()
        assert LOADER.sniff(path) < 0.9
    chance = random.Random(0)
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(chance.randrange(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        path = write(bytes(changed))
        LOADER.sniff(path)
        TorchModulePickle().sniff(path)
        message = complaint(path, lambda path: [weights_read(part) for part in LOADER.open(path)])
        assert message is None or message.isprintable()


def weights_read(part: Part) -> object:
    assert part.read_tensors is not None
    return part.read_tensors()


def test_a_truncated_pickle_of_torch_says_so(write: Callable[..., Path]) -> None:
    content = pickle.dumps(network().state_dict())
    path = write(content[:-50])
    assert LOADER.sniff(path) == 0.3
    with pytest.raises(CheckpointError, match="damaged"):
        LOADER.open(path)
    path = write(gzip.compress(content)[:-50])
    assert LOADER.sniff(path) == 0.3
    with pytest.raises(CheckpointError, match="damaged torch file"):
        LOADER.open(path)


def test_a_bomb_is_refused(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "SMALL", 2**20)
    path = write(zlib.compress(pickle.dumps({"w": torch.zeros(2**25)})))
    with pytest.raises(CheckpointError, match="would unpack to more than"):
        LOADER.open(path)


def test_a_pipe_and_a_folder_are_no_pickles(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "none"):
        assert reading.read(path) is None
        assert plain_pickle.find(path) is None
        assert LOADER.sniff(path) == 0


def test_every_loader_reads_a_pickle_once(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    parse = plain_pickle.parse
    monkeypatch.setattr(plain_pickle, "parse", lambda *given, **more: (calls.append(given), parse(*given, **more))[1])
    path = write(gzip.compress(pickle.dumps(network().state_dict())))
    for _ in range(3):
        LOADER.sniff(path)
        TorchModulePickle().sniff(path)
    weights_of(LOADER.open(path)[0])
    assert len(calls) == 1


# Nests of arrays, as Flax and Haiku keep weights

LAYER = {"kernel": np.ones((4, 8), "f4"), "bias": np.zeros(8, "f4")}


def test_a_nest_of_layers_is_one_network(write: Callable[..., Path]) -> None:
    deep = {"params": {"Block_0": {"Conv_0": LAYER, "Dense_0": LAYER}}, "batch_stats": {"BN_0": {"mean": np.ones(3)}}}
    (part,) = opened(write(pickle.dumps(deep))).values()
    assert list(part.keys) == [
        *(f"params.Block_0.{layer}.{name}" for layer in ("Conv_0", "Dense_0") for name in LAYER),
        "batch_stats.BN_0.mean",
    ]
    assert weights_of(part)["params.Block_0.Conv_0.kernel"].shape == (4, 8)


def test_nests_of_two_networks_are_two(write: Callable[..., Path]) -> None:
    nests = {"step": 7, "generator": {"params": {"Dense_0": LAYER}}, "critic": {"params": {"Dense_0": LAYER}}}
    parts = opened(write(pickle.dumps(nests)))
    assert list(parts) == ["generator", "critic"]
    assert parts["critic"].facts == {"step": 7}
    assert list(parts["critic"].keys) == ["params.Dense_0.kernel", "params.Dense_0.bias"]
    alone = {name: nest for name, nest in nests.items() if name != "step"}
    assert list(opened(write(pickle.dumps(alone)))) == ["generator", "critic"]


def test_a_nest_without_weights_is_none(write: Callable[..., Path]) -> None:
    for value in ({"run": {"losses": np.ones(5)}}, {"a": {"b": {}}}, {"x": {"kernel": 1.0}}, {}):
        assert LOADER.sniff(write(pickle.dumps(value))) == 0


def test_a_nest_that_holds_itself_is_none(write: Callable[..., Path]) -> None:
    endless: dict[str, Any] = {"layer": LAYER}
    endless["again"] = endless
    path = write(pickle.dumps(endless))
    assert [part.name for part in LOADER.open(path)] == ["layer", "again.layer"]


def test_nests_that_share_their_content_are_not_walked_without_end(write: Callable[..., Path]) -> None:
    shared = {f"layer{i}": LAYER for i in range(3000)}
    nests = {f"n{i}": {"more": shared, "x": 1} for i in range(3000)}
    start = time.process_time()
    path = write(pickle.dumps(nests))
    assert LOADER.sniff(path) == 0.3
    assert time.process_time() - start < 60


def test_networks_that_share_their_content_are_not_walked_without_end(forge: Any) -> None:
    barren = forge.call(nn.Identity, state={"_parameters": {}, "_buffers": {}, "_modules": {}})
    wide = {"_parameters": {}, "_buffers": {}, "_modules": {str(i): barren for i in range(20_000)}}
    shared = forge.call(nn.Identity, state=wide)
    tops = [forge.call(nn.Identity, state={**wide, "_modules": {"0": shared}}) for _ in range(900)]
    start = time.process_time()
    assert TorchModulePickle().sniff(forge.archive({"x": {"nets": tops}})) == 0
    assert time.process_time() - start < 60
