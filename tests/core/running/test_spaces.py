"""What --space names: embeddings of plugins, the user's own code, files; and the reports that come of it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import wganalyze
from wganalyze.cells.embedded import embedded
from wganalyze.cli import call
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import DataError, TrustError, UsageError
from wganalyze.host.loading import load_host
from wganalyze.networks.trust import Permission
from wganalyze.running.spaces import find_spaces
from wganalyze.testing import shifted_gaussians

OWN = """
import torch

def halves(factor=1):
    net = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.constant_(net.weight, factor)
    return net

def function():
    return lambda x: 2 * x.flatten(1)

number = 3

def broken():
    raise RuntimeError("no weights here")

def strange():
    return 7
"""
SNAPSHOTS = [Snapshot(label, None, "", ()) for label in ("run/step_1", "run/step_2", "other")]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The user's code."""
    path = tmp_path / "features.py"
    path.write_text(OWN)
    return path


def _embed(text: str, permission: Permission = Permission()) -> np.ndarray:  # noqa: B008
    study = shifted_gaussians(n=20)
    (space,) = find_spaces([text], load_host(), SNAPSHOTS, permission)
    assert space is not None
    space.embedding.fit(study)
    return np.asarray(space.embedding.embed(study.real()))


def test_factories_of_the_user(own: Path) -> None:
    points = shifted_gaussians(n=20).real().points
    assert _embed(f"{own}:halves(3)") == pytest.approx(3 * points.sum(1, keepdims=True), abs=1e-5)
    assert _embed(f"{own}:function") == pytest.approx(2 * points)


def test_other_weights_are_another_space(own: Path) -> None:
    """Told by what they do, wherever the code reads them from."""
    texts = [f"{own}:halves(3)", f"{own}:halves(3)", f"{own}:halves(4)", f"{own}:function"]
    spaces = find_spaces(texts, load_host(), SNAPSHOTS, Permission())
    prints = [embedded(shifted_gaussians(n=20), space).fingerprint_of_space for space in spaces if space]
    assert prints[0] == prints[1]
    assert len({*prints}) == 3


@pytest.mark.parametrize(
    ("name", "error", "reason"),
    [
        ("broken", UsageError, "calling it failed (RuntimeError: no weights here)"),
        ("strange", UsageError, "gave int, which cannot be called"),
        ("number", UsageError, "number cannot be called"),
        ("nothing", UsageError, "has no 'nothing'"),
        ("halves(x)", UsageError, "the arguments must be literals"),
    ],
)
def test_factories_that_give_no_network(own: Path, name: str, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=re.escape(reason)):
        _embed(f"{own}:{name}")


def test_a_network_that_does_not_take_the_samples(own: Path) -> None:
    study = shifted_gaussians(n=20, dim=3)
    (space,) = find_spaces([f"{own}:halves"], load_host(), SNAPSHOTS, Permission())
    assert space is not None
    space.embedding.fit(study)
    with pytest.raises(DataError, match=r"the network does not take samples of shape \(3,\)"):
        space.embedding.embed(study.real())


def test_a_program_runs_by_the_users_leave_alone(tmp_path: Path) -> None:
    layer = torch.nn.Linear(2, 3)
    path = tmp_path / "features.pt"
    torch.jit.trace(layer, torch.zeros(1, 2)).save(str(path))
    with pytest.raises(TrustError, match="--trust runs it"):
        _embed(str(path))
    points = torch.from_numpy(shifted_gaussians(n=20).real().points)
    assert _embed(str(path), Permission(trust=True)) == pytest.approx(layer(points).detach().numpy(), abs=1e-6)
    torch.save({"weight": torch.zeros(2)}, path)
    with pytest.raises(UsageError, match="it holds no program; give TorchScript, ONNX, or name a factory"):
        _embed(str(path))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nowhere", "no space is called so; there are: pixels, classifier, critic, pca, MODULE:NAME"),
        ("critic:run/step_9", "no snapshot is called run/step_9; there are: run/step_1, run/step_2, other"),
        ("critic:run/*", "2 snapshots are called run/*"),
        ("pca", "say how many components"),
    ],
)
def test_spaces_that_there_are_none_of(text: str, reason: str) -> None:
    with pytest.raises((UsageError, DataError), match=re.escape(reason)):
        find_spaces([text], load_host(), SNAPSHOTS, Permission())


def test_a_pattern_may_name_the_one_snapshot() -> None:
    pixels, features = find_spaces(["pixels", "critic:*_2"], load_host(), SNAPSHOTS, Permission())
    assert pixels is None
    assert features is not None
    assert features.snapshot is SNAPSHOTS[1]


def test_a_report_of_two_spaces_keeps_them_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the summary, nor Holm's correction, nor a later run mixes numbers of two spaces."""
    stored = tmp_path / "ckpt"
    stored.mkdir()
    rng = np.random.default_rng(0)
    for step in (1, 2):
        np.save(stored / f"samples_{step}.npy", rng.standard_normal((400, 2)) + step)
    (tmp_path / "own.py").write_text(OWN)
    double = f"{tmp_path / 'own.py'}:function"
    line = ["run", str(stored), "--data", "ring8", "--n", "30", "--only", "exact-w", "--out", str(tmp_path / "out")]
    assert call([*line, "--space", "pixels", "--space", double]) == 0
    assert f"Measured in other spaces too: {double}" in capsys.readouterr().out.replace("\n", "")
    report = wganalyze.open_report(tmp_path / "out")
    other = report.in_space(double)
    assert report.spaces == [*reversed(other.spaces)] == ["pixels", double]
    assert list(other.summary["w1"]) == pytest.approx([2 * w for w in report.summary["w1"]], rel=1e-5)
    corrected = report.measurements[report.measurements["metric"] == "w1_pvalue_holm"]
    assert list(corrected["method"]) == ["Holm over 2 tests of w1_pvalue"] * 4
    assert {*report.table("exact-w.sweep")["embedding"]} == {"pixels", double}
    assert call(["show", str(tmp_path / "out"), "--space", "elsewhere"]) == 2
    assert "there are: pixels" in capsys.readouterr().err
    assert call([*line, "--space", double]) == 0
    assert "2 of 2 cells were reused" in capsys.readouterr().err
    assert wganalyze.open_report(tmp_path / "out").spaces == ["pixels", double]
