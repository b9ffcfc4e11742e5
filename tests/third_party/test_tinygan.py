"""A stranger's loader, in one short module, reads a format of its own as if it had always been known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from wganalyze import open_report
from wganalyze.cli import call

STEPS = (2, 10)


@pytest.fixture
def installed(install: Callable[[str], None]) -> None:
    """The plugin is there."""
    install("tinygan")


def tinygan(step: int, nets: dict[str, dict[str, Tensor]]) -> bytes:
    """A checkpoint of this format."""
    lines, values = ["tinygan 1", f"step {step}"], b""
    for role, net in nets.items():
        for key, tensor in net.items():
            lines.append(" ".join([role, key, *map(str, tensor.shape)]))
            values += tensor.numpy().tobytes()
    return "\n".join([*lines, "", ""]).encode() + values


@pytest.fixture
def folders(checkpoints: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The same two moments of a training, as torch saves them and in the new format, under names that say nothing."""
    ours = tmp_path / "tiny"
    ours.mkdir()
    for name, path in zip("ab", sorted(checkpoints.glob("*.pt"), key=lambda path: path.stat().st_mtime), strict=True):
        saved = torch.load(path, weights_only=True)
        (ours / name).write_bytes(tinygan(saved["step"], {role: saved[role] for role in ("generator", "critic")}))
    return checkpoints, ours


def test_it_is_short(lines: Callable[[str], int]) -> None:
    assert lines("tinygan") < 40


def test_it_is_listed(installed: None, provides: Callable[[str], dict[str, Any]]) -> None:
    assert {name: provides("tinygan")[name] for name in ("kind", "name")} == {"kind": "loader", "name": "tinygan"}


def test_its_files_are_inspected(
    installed: None, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["inspect", str(folders[1]), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(file["kind"], file["role"], file["step"]) for file in found["files"]] == [
        ("tinygan", "both", step) for step in STEPS
    ]
    assert [snapshot["step"] for snapshot in found["snapshots"]] == [*STEPS]
    cut = folders[1] / "a"
    cut.write_bytes(cut.read_bytes()[:-4])
    assert call(["inspect", str(folders[1]), "--json"]) == 0
    (problem,) = json.loads(capsys.readouterr().out)["files"][0]["problems"]
    assert problem == f"{cut}: its values end early; save it again"


def test_a_run_gives_the_numbers_of_the_same_weights_in_torch_files(
    installed: None, folders: tuple[Path, Path]
) -> None:
    values = []
    for folder in folders:
        sizes = ["--n", "50", "--replicates", "2", "--latent-law", "normal"]
        arguments = ["run", str(folder), "--data", "ring8", "--only", "exact-w", "--only", "critic-gap", *sizes]
        assert call(arguments) == 0
        rows = open_report(folder.with_name(f"{folder.name}-report")).measurements
        assert set(rows["status"]) <= {"ok", "skipped"}
        values.append(rows.set_index(["step", "metric"])["value"].sort_index())
    first, second = values
    assert first.count() > 20
    assert set(first.index.get_level_values("step")) == {*STEPS}
    assert first.equals(second)


def test_without_it_nobody_knows_the_files(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["inspect", str(folders[1]), "--json"]) in (0, 2)
    assert "no loader knows" in "".join(capsys.readouterr())
