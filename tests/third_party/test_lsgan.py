"""A stranger's method: from Python, and from the command line through the entry points ``wganalyze.methods``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from wganalyze.cli import call
from wganalyze_zoo import Method, find_method, train

HERE = Path(__file__).parent


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example, and a broken one beside it, as pip would leave them."""
    site = tmp_path / "site"
    info = site / "wganalyze_lsgan-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wganalyze-lsgan\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[wganalyze.methods]\nlsgan = lsgan:lsgan\nbroken = lsgan_broken:method\n")
    (site / "lsgan.py").write_text((HERE / "lsgan.py").read_text())
    (site / "lsgan_broken.py").write_text("import a_module_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield
    for name in ("lsgan", "lsgan_broken"):
        sys.modules.pop(name, None)


def test_it_is_short(lines: Callable[[str], int]) -> None:
    assert lines("lsgan") < 40


def test_from_python(installed: None, tmp_path: Path) -> None:
    method: Method = importlib.import_module("lsgan").lsgan
    data = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    run = train(method, data, tmp_path / "ckpt", save_at=(2,), width=8)
    assert run.settings["method"] == "lsgan"
    assert train("lsgan", data, tmp_path / "ckpt", save_at=(2,), width=8).trained is False


def test_from_the_command_line(installed: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "ckpt"
    train_it = ["zoo", "train", "lsgan", "--constraint", "sn", "--data", "digits:train", "--out", str(out)]
    assert call([*train_it, "--steps", "2", "--width", "8"]) == 0
    assert "lsgan+sn is complete" in capsys.readouterr().out
    assert "lsgan_broken" not in sys.modules
    assert call(["zoo", "list"]) == 0
    listed = capsys.readouterr().out
    assert "lsgan  least squares on labels 0 and 1 (1611.04076, equation 9, wganalyze-lsgan)" in listed
    assert "broken  (wganalyze-lsgan): cannot be used: ModuleNotFoundError: No module named" in listed
    assert call(["zoo", "train", "broken", "--data", "digits:train", "--out", str(out)]) == 2
    assert "the method broken of wganalyze-lsgan cannot be used" in capsys.readouterr().err
    with pytest.raises(Exception, match=r"there are: gan, .*, broken, lsgan"):
        find_method("nowhere")
