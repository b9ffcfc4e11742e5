"""Pickles that run code when they are loaded: what they ask for is listed, and nothing of it is done."""

from __future__ import annotations

import io
import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest


def harm(forge: Any) -> Mapping[str, bytes]:
    """Programs that write ``forge.marker`` when they are really unpickled, by how they do it."""
    text, name, call = forge.text, forge.name, forge.call
    touch = text(f"touch '{forge.marker}'")
    python = text(f"open({str(forge.marker)!r}, 'w').close()")
    found = call(name("builtins.__import__"), text("os"))
    attribute = call(name("builtins.getattr"), found, text("system"))
    system = name("os.system")
    done = call(system, touch)
    nested = forge.legacy(done)
    return {
        "os.system": done,
        "posix.system": call(name("posix.system"), touch),
        "eval": call(name("builtins.eval"), python),
        "exec": call(name("builtins.exec"), python),
        "name of Python 2": call(name("__builtin__.eval"), python),
        "Popen": call(name("subprocess.Popen"), b"](" + text("touch") + text(str(forge.marker)) + b"e"),
        "getattr": call(attribute, touch),
        "attrgetter": call(call(call(name("operator.attrgetter"), text("system")), found), touch),
        "methodcaller": call(call(name("operator.methodcaller"), text("system"), touch), found),
        "dotted name": call(b"\x80\x04" + text("shutil") + text("os.system") + b"\x93", touch),
        "partial": call(call(name("functools.partial"), system, touch)),
        "map": call(name("builtins.list"), call(name("builtins.map"), system, b"](" + touch + b"e")),
        "INST": b"(" + touch + b"ios\nsystem\n",
        "OBJ": b"(" + system + touch + b"o",
        "memo": system + b"q\x000" + call(b"h\x00", touch),
        "key": b"}" + done + b"Ns",
        "key in tuples": b"}" + done + b"\x85" * 500 + b"Ns",
        "value of a state": call(name("argparse.Namespace")) + b"}" + text("epoch") + done + b"sb",
        "persistent id": b"(" + text("storage") + done + text("0") + text("cpu") + b"K\x01tQ",
        "tensor": b"(" + name("torch._utils._rebuild_tensor_v2") + b"(" + done + b"K\0))\x89Ntt",
        "type of a tensor": b"(" + name("torch._tensor._rebuild_from_type_v2") + b"(" + done + b"Ntt",
        "ordered dict": call(name("collections.OrderedDict"), b"](](" + text("a") + done + b"ee"),
        "torch.load in it": call(name("torch.storage._load_from_bytes"), forge.data(nested)),
        "exec of torch": call(name("torch.jit.unsupported_tensor_ops.execWrapper"), python, b"}", b"}"),
        "ten thousand calls": (name("builtins.abs") + b"(") * 10_000 + done + b"tR" * 10_000,
    }


@pytest.fixture(scope="module")
def verdicts(judge: Any, forge: Any) -> Any:
    """What the command line does with each of them in each form of file."""
    files = {}
    for name, program in harm(forge).items():
        files[name, "zip"] = forge.zipped(program)
        files[name, "legacy"] = forge.legacy(program)
        files[name, "plain"] = forge.plain(program)
        inside = forge.mapping({"critic": forge.mapping({"w": forge.tensor((2, 2))}), "args": program})
        files[name, "beside"] = forge.zipped(inside, {"0": bytes(16)})
    return judge(files)


class Trusting(pickle.Unpickler):
    """Python's own unpickler, which does as it is told."""

    def persistent_load(self, pid: Any) -> Any:
        return pid


def test_it_would_do_harm(forge: Any, tmp_path: Path) -> None:
    """Else the tests below could not fail."""
    for name in harm(forge):
        own = type(forge)(tmp_path / name)
        Trusting(io.BytesIO(forge.plain(harm(own)[name]))).load()
        for _ in range(100):  # Popen does not wait
            if own.marker.exists():
                break
            time.sleep(0.1)
        assert own.marker.exists(), name


def test_nothing_of_it_is_done(verdicts: Any, forge: Any) -> None:
    assert len(verdicts) == 4 * len(harm(forge))
    assert verdicts.faults == {}
    assert not forge.marker.exists()


def test_what_it_asks_for_is_listed(verdicts: Any) -> None:
    listed = [case for case, verdict in verdicts.items() if any("runs code (" in line for line in verdict.problems)]
    assert len(listed) > 30
    assert "os.system" in verdicts["os.system", "zip"].problems[0]
    assert "builtins.getattr" in verdicts["getattr", "legacy"].problems[0]


def test_tensors_beside_it_are_described_as_ever(verdicts: Any) -> None:
    for (name, form), verdict in verdicts.items():
        if form == "beside":
            described = verdict.file
            assert (described["kind"], described["role"], described["parameters"]) == ("torch-state-dict", "critic", 4)
            assert described["keys"] == ["critic: w (2, 2)"], name
