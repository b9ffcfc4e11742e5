"""Names of files and of keys that a terminal would obey, or that nobody would give; many tensors; all in one folder."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

NAMES = (
    b"netG\n.pt", b"netD\x1b[2J\x1b[31m.pt", b"netG[red].pt", b"[bold]netD_1.pt", b"netG\xff\xfe.pt", b"netD\x7f\r.pt",
    "netG\u202e\u2028.pt".encode(), b"-rf.pt", b"--trust", b"netG_" + b"9" * 200 + b".pt", b"netD_epoch_1e999.pt",
    "netG_\u0664\u0662.pt".encode(), "netG_\u00b2.pt".encode(), b"%s{0}$(touch executed).pt", b"'\";`#netG.pt",
    b"netG .pt ",
)  # fmt: skip
KEYS = (
    "a\nb", "a\x1b[2J", "[/red]", "%s{0}", "a" * 5000, "\ud800", "", ".", "..", "0" * 900, "w\u202e", "\u0664.weight",
    "a.b" * 300, "module." * 100,
)  # fmt: skip
STEPS = (float("nan"), float("inf"), -1, 2**62, 10**300, True, "12", -(2**62), 1e308)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a small state dict under each name."""
    root = tmp_path / "ckpt"
    root.mkdir()
    for name in NAMES:
        path = Path(os.fsdecode(os.fsencode(root) + b"/" + name))
        torch.save({"main.0.weight": torch.ones(2, 2)}, root / "file")
        (root / "file").rename(path)
    return root


def test_names_of_files(judge: Any, folder: Path) -> None:
    """They are described, and nothing of them reaches the terminal but what can be shown."""
    told, listed = judge.acts([["inspect", str(folder)], ["inspect", "--json", str(folder)]])
    assert [told.faults, listed.faults, told.code, listed.code] == [[], [], 0, 0]
    assert len(json.loads(listed.out)["files"]) == len(NAMES)
    assert not {c for c in told.out if not c.isprintable()} - {"\n"}
    (run,) = judge.acts([["run", str(folder), "--only", "snapshot", "--device", "cpu"]])
    assert (run.faults, run.code) == ([], 2)


def test_names_in_the_file_that_init_writes(judge: Any, folder: Path) -> None:
    (act,) = judge.acts([["init", str(folder)]])
    assert (act.code, act.died) == (0, ""), act.err
    (again,) = judge.acts([["inspect", "--json", str(folder)]])
    assert (again.faults, again.code) == ([], 0)


def saved(folder: Path, value: object) -> bytes:
    """What torch writes."""
    torch.save(value, folder / "file")
    return (folder / "file").read_bytes()


def test_keys_and_steps(judge: Any, tmp_path: Path) -> None:
    w = torch.ones(2, 2)
    files: dict[tuple[str, object], bytes] = {}
    files |= {("key", key): saved(tmp_path, {"critic": {"w": w, key: w}}) for key in KEYS}
    files |= {("place", key): saved(tmp_path, {"critic": {"w": w}, key: {"w": w}}) for key in KEYS}
    files |= {("fact", key): saved(tmp_path, {"critic": {"w": w}, key: 1, "config": {key: key}}) for key in KEYS}
    files |= {("step", step): saved(tmp_path, {"critic": {"w": w}, "step": step, "epoch": step}) for step in STEPS}
    assert judge(files).faults == {}


def test_names_of_classes(judge: Any, forge: Any) -> None:
    """A state dict with objects of strange classes beside it."""
    names = ("a\x1b[2J.b", "\u202e.a", "a.b c", "a.", ".b", "a" * 900 + ".b")
    inside = {"critic": forge.mapping({"w": forge.tensor((2, 2))})}
    programs = {name: forge.mapping({**inside, "args": forge.call(forge.name(name))}) for name in names}
    verdicts = judge({name: forge.zipped(program, {"0": bytes(16)}) for name, program in programs.items()})
    assert verdicts.faults == {}
    assert {verdict.file["kind"] for verdict in verdicts.values()} == {"torch-state-dict"}


def test_ten_thousand_tensors(judge: Any, tmp_path: Path) -> None:
    """There is nothing wrong with them."""
    tensors = {f"generator.layers.{i}.weight": torch.full((2,), i) for i in range(10_000)}
    torch.save(tensors, tmp_path / "legacy", _use_new_zipfile_serialization=False)
    files = {"zip": saved(tmp_path, tensors), "legacy": (tmp_path / "legacy").read_bytes()}
    for case, verdict in judge(files).items():
        file = verdict.file
        assert (verdict.inspected.faults, case) == ([], case)
        assert (verdict.code, file["role"], file["parameters"], file["problems"]) == (0, "generator", 20_000, [])
        assert "... 9992 more ..." in file["keys"]


def twice(forge: Any) -> bytes:
    """Samples and a state dict at once."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        with archive.open("samples.npy", "w") as record:
            np.save(record, np.ones((20, 3)))
        with zipfile.ZipFile(
            io.BytesIO(forge.zipped(forge.mapping({"w": forge.tensor((2, 2))}), {"0": bytes(16)}))
        ) as torch_zip:
            for name in torch_zip.namelist():
                archive.writestr(name, torch_zip.read(name))
    return buffer.getvalue()


def test_files_that_two_loaders_take_for_theirs(judge: Any, forge: Any) -> None:
    """Found by fuzzing: two loaders were as sure of a file, and its whole folder was refused."""
    damaged = io.BytesIO()
    with zipfile.ZipFile(damaged, "w") as archive:
        archive.writestr("a/models/model.json", b"{}")
        archive.writestr("a/data.pkl", b"no pickle")
    assert judge({"sound": twice(forge), "damaged": damaged.getvalue()}).faults == {}


def test_a_folder_of_all_sorts(judge: Any, forge: Any, tmp_path: Path) -> None:
    """One file does not spoil the others, and a folder that holds itself ends."""
    (tmp_path / "ckpt" / "deep").mkdir(parents=True)
    (tmp_path / "ckpt" / "deep" / "again").symlink_to(tmp_path / "ckpt")
    (tmp_path / "ckpt" / "loop").symlink_to("loop")
    (tmp_path / "ckpt" / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "ckpt" / "pipe.pt")
    harm = forge.call(forge.name("os.system"), forge.text(f"touch '{forge.marker}'"))
    contents = {
        "G.pt": saved(tmp_path, {"w": torch.ones(2, 2)}),
        "harm.pt": forge.zipped(harm),
        "harm.pkl": forge.plain(harm),
        "cut.pt": saved(tmp_path, {"w": torch.ones(2, 2)})[:-30],
        "wganalyze.toml.pt": b"[generator]",
        "empty.pt": b"",
        "tie.pt": twice(forge),
    }
    for name, content in contents.items():
        (tmp_path / "ckpt" / "deep" / name).write_bytes(content)
    (act,) = judge.acts([["inspect", "--json", str(tmp_path / "ckpt")]])
    assert (act.faults, act.code, act.err) == ([], 0, "")
    kinds = {Path(file["path"]).name: file["kind"] for file in json.loads(act.out)["files"]}
    assert kinds == {
        "G.pt": "torch-state-dict",
        "harm.pt": "torch-module-pickle",
        "harm.pkl": "unknown",
        "cut.pt": "torch-state-dict",
        "wganalyze.toml.pt": "unknown",
        "empty.pt": "unknown",
        "tie.pt": "unknown",
    }
    assert not forge.marker.exists()
