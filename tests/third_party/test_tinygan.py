"""A stranger's loader, in one short module, reads a format of its own as if it had always been known."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from wganalyze import open_report
from wganalyze.cli import call
from wganalyze_zoo.training import Settings, train
from wganalyze_zoo.wgan import ClippedWgan

PLUGIN = Path(__file__).with_name("tinygan.py")
STEPS = (2, 10)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plugin as pip would leave it: a module, and a ``.dist-info`` folder beside it, on ``sys.path``."""
    site = tmp_path / "site"
    info = site / "wganalyze_tinygan-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wganalyze-tinygan\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[wganalyze]\ntinygan = tinygan\n")
    shutil.copy(PLUGIN, site)
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield
    sys.modules.pop("tinygan", None)


def tinygan(step: int, nets: dict[str, dict[str, Tensor]]) -> bytes:
    """A checkpoint of this format."""
    lines, values = ["tinygan 1", f"step {step}"], b""
    for role, net in nets.items():
        for key, tensor in net.items():
            lines.append(" ".join([role, key, *map(str, tensor.shape)]))
            values += tensor.numpy().tobytes()
    return "\n".join([*lines, "", ""]).encode() + values


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The same two moments of a training, as torch saves them and in the new format, under names that say nothing."""
    theirs, ours = tmp_path / "torch", tmp_path / "tiny"
    ours.mkdir()
    data = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    for name, path in zip("ab", train(ClippedWgan(), data, Settings(save_at=STEPS, width=8), theirs), strict=True):
        saved = torch.load(path, weights_only=True)
        (ours / name).write_bytes(tinygan(saved["step"], {role: saved[role] for role in ("generator", "critic")}))
    return theirs, ours


def test_it_is_short() -> None:
    assert len(PLUGIN.read_text().splitlines()) < 40


def test_it_is_listed(installed: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["plugins", "tinygan", "--json"]) == 0
    (plugin,) = json.loads(capsys.readouterr().out)
    assert (plugin["status"], plugin["distribution"], plugin["version"]) == ("ok", "wganalyze-tinygan", "0.1")
    assert [(thing["kind"], thing["name"]) for thing in plugin["provides"]] == [("loader", "tinygan")]


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
