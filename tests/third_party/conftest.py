"""Shared by the examples of third parties: each is a module, installed as pip would leave it."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from wganalyze.cli import call
from wganalyze_zoo import train

HERE = Path(__file__).parent


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Installs a module of this folder as the plugin of its name: a file, and a ``.dist-info`` beside it."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    installed = []

    def put(name: str) -> None:
        info = site / f"wganalyze_{name}-0.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: wganalyze-{name}\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text(f"[wganalyze]\n{name} = {name}\n")
        shutil.copy(HERE / f"{name}.py", site)
        importlib.invalidate_caches()
        installed.append(name)

    yield put
    for name in installed:
        sys.modules.pop(name, None)


@pytest.fixture
def provides(capsys: pytest.CaptureFixture[str]) -> Callable[[str], dict[str, Any]]:
    """The one thing that an installed plugin gives, as ``wganalyze plugins`` lists it."""

    def of(name: str) -> dict[str, Any]:
        capsys.readouterr()
        assert call(["plugins", name, "--json"]) == 0
        (plugin,) = json.loads(capsys.readouterr().out)
        assert (plugin["status"], plugin["distribution"], plugin["version"]) == ("ok", f"wganalyze-{name}", "0.1")
        (given,) = plugin["provides"]
        return dict(given)

    return of


@pytest.fixture
def lines() -> Callable[[str], int]:
    """The length of an example."""
    return lambda name: len((HERE / f"{name}.py").read_text().splitlines())


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """A folder of two moments of a training in the plane, as torch saves them."""
    data = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    train("wgan", data, tmp_path / "torch", save_at=(2, 10), width=8)
    return tmp_path / "torch"
