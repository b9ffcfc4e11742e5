"""Networks in memory, analysed one after the other: one report, one trajectory, and modules that nothing touches."""

from __future__ import annotations

import copy
import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import wganalyze
from wganalyze.errors import DataError, UsageError

DATA = torch.randn(600, 2, generator=torch.Generator().manual_seed(1))
QUICK: dict[str, Any] = {"data": DATA, "n": 40, "replicates": 2, "only": ["snapshot"]}


def nets(seed: int = 0) -> dict[str, nn.Module]:
    """A generator with BatchNorm and Dropout, and a critic, in train mode."""
    torch.manual_seed(seed)
    generator = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    return {"generator": generator, "critic": nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))}


def test_as_from_files(tmp_path: Path) -> None:
    """The same numbers as ``run`` reads from the files of the same networks."""
    both = nets()
    (tmp_path / "ckpt").mkdir()
    for role, net in both.items():
        torch.save(net.state_dict(), tmp_path / "ckpt" / f"{role}_step_000100.pt")
    factories = tmp_path / "factories.py"
    factories.write_text(
        "from torch import nn\n\n\ndef Generator():\n"
        "    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))\n\n"
        "def Critic():\n    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))\n"
    )
    quick = {**QUICK, "only": ["snapshot", "exact-w", "critic-gap"]}
    names = {role: f"{factories}:{role.capitalize()}" for role in both}
    read = wganalyze.run(tmp_path / "ckpt", **quick, **names).measurements  # type: ignore[arg-type]
    given = wganalyze.analyze(**both, step=100, **quick).measurements  # type: ignore[arg-type]
    columns = ["snapshot", "step", "analyzer", "metric"]
    read, given = (rows.sort_values(columns, ignore_index=True) for rows in (read, given))
    assert given[columns].equals(read[columns])
    np.testing.assert_array_equal(given["value"], read["value"])


def test_a_temporary_report_lives_as_long_as_it_is_held() -> None:
    report = wganalyze.analyze(**nets(), **{**QUICK, "only": ["exact-w"]})  # type: ignore[arg-type]
    folder = report.path
    assert report.exit_code == 0
    assert list(report.summary["snapshot"]) == ["memory"]
    other = report.in_space("pixels")
    del report
    gc.collect()
    assert len(other.measurements)
    del other
    gc.collect()
    assert not folder.exists()


def test_one_trajectory(tmp_path: Path) -> None:
    both = nets()
    out = tmp_path / "out"
    for step in (0, 100, 200):
        report = wganalyze.analyze(**both, step=step, out=out, **QUICK)  # type: ignore[arg-type]
        with torch.no_grad():
            both["generator"][0].weight += 1  # type: ignore[index]
    assert list(report.summary["step"]) == [0, 100, 200]
    assert report.measurements.groupby("step")["value"].sum().nunique() == 3
    assert wganalyze.open_report(out).run["source"] == "memory"


def test_a_step_is_computed_anew_only_where_its_weights_changed(tmp_path: Path) -> None:
    both = nets()

    def cells() -> dict[str, int]:
        return dict(wganalyze.analyze(**both, step=5, out=tmp_path / "out", **QUICK).run["cells"])  # type: ignore[arg-type]

    assert cells()["ok"] == 1
    assert cells()["reused"] == 1
    with torch.no_grad():
        both["critic"][0].weight += 1  # type: ignore[index]
    assert cells()["ok"] == 1
    assert list(wganalyze.open_report(tmp_path / "out").summary["step"]) == [5]


def test_the_modules_are_not_touched() -> None:
    both = nets()
    loss = both["critic"](both["generator"](torch.randn(16, 3))).mean()
    loss.backward()
    both["critic"].eval()
    frozen = next(iter(both["critic"].parameters())).requires_grad_(False)
    before = {role: copy.deepcopy(net.state_dict()) for role, net in both.items()}
    gradients = [p.grad.clone() for p in both["generator"].parameters() if p.grad is not None]
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    wganalyze.analyze(**both, data=DATA, n=40, replicates=2)  # type: ignore[arg-type]
    assert torch.equal(torch.rand(3), expected)
    for role, net in both.items():
        assert all(torch.equal(value, before[role][key]) for key, value in net.state_dict().items())
    assert all(
        torch.equal(p.grad, g)
        for p, g in zip(both["generator"].parameters(), gradients, strict=True)  # type: ignore[arg-type]
    )
    assert both["generator"].training
    assert not both["critic"].training
    assert not frozen.requires_grad


def test_inside_modes_in_which_nothing_could_be_computed() -> None:
    with torch.inference_mode():
        report = wganalyze.analyze(**nets(), data=DATA, n=40, replicates=2, only=["lipschitz"])  # type: ignore[arg-type]
    assert report.exit_code == 0


def test_a_report_of_files_is_another(tmp_path: Path) -> None:
    (tmp_path / "ckpt").mkdir()
    torch.save(nn.Linear(2, 1).state_dict(), tmp_path / "ckpt" / "critic.pt")
    report = wganalyze.run(tmp_path / "ckpt", critic="torch.nn:Linear(2, 1)", **QUICK)
    with pytest.raises(UsageError, match=r"holds the report of .*ckpt; name another folder"):
        wganalyze.analyze(**nets(), out=report.path, **QUICK)  # type: ignore[arg-type]


def test_what_cannot_be_said_of_memory() -> None:
    for name in ("roles", "loader", "trust"):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
            wganalyze.analyze(**nets(), **{name: True})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"step=1\.5: write a whole number"):
        wganalyze.analyze(**nets(), step=1.5)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="--data object: a object is no data"):
        wganalyze.analyze(**nets(), data=object())  # type: ignore[arg-type]


def test_everything_that_may_be_said_is_described() -> None:
    text = wganalyze.analyze.__doc__ or ""
    assert "``latent``:" in text
    assert "``roles``:" not in text


def test_images_with_their_axes_in_another_order_are_refused() -> None:
    """As many values, and every one of them in another place."""
    generator = nn.Sequential(nn.Linear(3, 48), nn.Unflatten(1, (3, 4, 4)))
    for data, fine in ((torch.rand(200, 3, 4, 4), True), (torch.rand(200, 4, 4, 3), False)):
        rows = wganalyze.analyze(generator, data=data, n=20, replicates=2, only=["snapshot"]).measurements
        assert {*rows["status"]} == ({"ok"} if fine else {"failed"})
    assert "bring the data's axes into that order" in rows["message"].iloc[0]
