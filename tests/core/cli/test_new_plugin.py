"""``wganalyze new-plugin``: what it writes passes its own tests, builds, installs, and is found by the host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from wganalyze import open_report
from wganalyze.cli import call
from wganalyze_zoo import train

COMMAND = "import sys; from wganalyze.cli import main; main()"


def python(*arguments: str, path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """This interpreter in a process of its own, with ``path`` in front of its search path."""
    environment = {**os.environ, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, env=environment, timeout=120, check=False
    )


def write_checkpoint(folder: Path) -> None:
    """One step of an untrained reference trainer on points of the plane."""
    data = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    train("wgan", data, folder, save_at=(1,), width=8)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package that ``new-plugin mean-shift`` writes."""
    folder = tmp_path_factory.mktemp("new plugin")
    assert call(["new-plugin", "mean-shift", "--in", str(folder)]) == 0
    return folder / "wganalyze-mean-shift"


def test_a_small_package_is_written(package: Path) -> None:
    written = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert written == {
        "README.md",
        "pyproject.toml",
        "src/wganalyze_mean_shift/__init__.py",
        "tests/test_analyzer.py",
    }
    for path in package.rglob("*.*"):
        if path.is_file():
            assert "{name}" not in path.read_text()
            assert "{module}" not in path.read_text()


def test_its_own_tests_pass(package: Path) -> None:
    result = python("-m", "pytest", "-q", "-p", "no:cacheprovider", path=package / "src", cwd=package)
    assert result.returncode == 0, result.stdout[-2000:]
    assert "3 passed" in result.stdout


def test_it_installs_and_is_found(package: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    result = python(
        "-m", "pip", "install", *options, "--target", str(target), str(package), path=tmp_path, cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr[-2000:]

    result = python("-c", COMMAND, "plugins", "mean-shift", "--json", path=target, cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]
    (plugin,) = json.loads(result.stdout)
    assert (plugin["name"], plugin["status"], plugin["reason"]) == ("mean-shift", "ok", "")
    assert (plugin["distribution"], plugin["version"]) == ("wganalyze-mean-shift", "0.1.0")
    (analyzer,) = plugin["provides"]
    assert (analyzer["kind"], analyzer["name"]) == ("analyzer", "mean-shift")
    assert [metric["name"] for metric in analyzer["metrics"]] == ["mean_shift_distance", "mean_shift_distance_floor"]
    assert [option["name"] for option in analyzer["options"]] == ["tolerance"]
    assert all(thing["help"] for thing in [*analyzer["metrics"], *analyzer["options"], analyzer])

    write_checkpoint(tmp_path / "ckpt")
    arguments = [
        "run",
        "ckpt",
        "--data",
        "ring8",
        "--n",
        "50",
        "--only",
        "mean-shift",
        "--option",
        "mean-shift.tolerance=0",
    ]
    result = python("-c", COMMAND, *arguments, path=target, cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]
    rows = open_report(tmp_path / "ckpt-report").measurements
    assert list(rows["metric"]) == ["mean_shift_distance", "mean_shift_distance_floor"]
    assert set(rows["plugin"]) == {"wganalyze-mean-shift"}
    assert set(rows["status"]) == {"ok"}


@pytest.mark.parametrize("name", ["finding", "measurement", "analyzer"])
def test_a_name_of_the_framework_makes_a_package_that_works(name: str, tmp_path: Path) -> None:
    assert call(["new-plugin", name, "--in", str(tmp_path)]) == 0
    package = tmp_path / f"wganalyze-{name}"
    check = (
        f"import wganalyze_{name} as plugin\n"
        "from wganalyze.testing import check_analyzer, shifted_gaussians\n"
        "(analyzer,) = plugin.wganalyze_analyzers()\n"
        "outcome = check_analyzer(analyzer, shifted_gaussians(shift=5))\n"
        "assert len(outcome.measurements) == 2 and len(outcome.findings) == 1, outcome\n"
    )
    result = python("-c", check, path=package / "src", cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-1000:]


@pytest.mark.parametrize(
    "name", ["Mean-Shift", "mean_shift", "-mean", "mean-", "mean--shift", "3d", "", "a/b", "..", "é"]
)
def test_a_bad_name_is_a_usage_error(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["new-plugin", "--in", str(tmp_path), "--", name]) == 2
    error = capsys.readouterr().err
    assert f"new-plugin {name}: use lower-case letters, digits and single hyphens, as in mean-shift" in error
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "wganalyze-mean-shift"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    assert call(["new-plugin", "mean-shift", "--in", str(tmp_path)]) == 2
    assert f"{mine}: exists; choose another name or remove it" in capsys.readouterr().err
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]


def test_a_place_that_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert call(["new-plugin", "mean-shift", "--in", str(tmp_path / "file" / "below")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_next_command_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["new-plugin", "mean-shift", "--in", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert f"pip install -e '{tmp_path / 'wganalyze-mean-shift'}[test]'" in out
