"""Checkpoints and reports in an object store (a real S3 server): the same numbers, few bytes, no secrets."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pandas as pd
import pytest
import torch
from tests.core.running.test_jobs import assumed, numbers

import wganalyze
from wganalyze import UsageError
from wganalyze.remote.path import RemotePath, location
from wganalyze.running.opened import open_request
from wganalyze.running.prepared import standing
from wganalyze.running.request import Request

SOME = ("snapshot", "exact-w", "lipschitz", "pictures")
SECRET = "a-secret-that-nobody-may-see"


def put(folder: Path, there: RemotePath) -> RemotePath:
    """A folder, as it is, in the store."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            (there / str(file.relative_to(folder))).write_bytes(file.read_bytes())
    return there


@pytest.fixture
def checkpoints(trainer: Any, bucket: RemotePath) -> RemotePath:
    """The trainer's folder."""
    return put(trainer.folder, bucket / "ckpt")


def contents(folder: RemotePath) -> bytes:
    """All that lies there."""
    return b"\n".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def analysed(trainer: Any, path: Path, **more: Any) -> wganalyze.Report:
    """A quick run."""
    trainer.events = type(trainer.events)()
    quick: dict[str, Any] = {"data": "digits", "n": 40, "replicates": 2, **trainer.nets, **more}
    return wganalyze.run(path, progress=trainer.events, **quick)


def test_the_numbers_are_those_of_the_same_files_here(trainer: Any, checkpoints: RemotePath, tmp_path: Path) -> None:
    """Read from the store, written to it, by one process and by two."""
    here = trainer.run(*SOME, out=tmp_path / "here")
    one = analysed(trainer, checkpoints, only=SOME)
    assert str(one.path) == f"{checkpoints}-report"
    two = analysed(trainer, checkpoints, only=SOME, jobs=2, out=f"{checkpoints.parent}/two")
    assert here.exit_code == one.exit_code == two.exit_code == 0
    pd.testing.assert_frame_equal(numbers(here), numbers(one), check_exact=True)
    pd.testing.assert_frame_equal(numbers(here), numbers(two), rtol=1e-3)  # with one thread
    for found in (one, two):
        assert found.verdicts
        assert {label: len(lines) for label, lines in assumed(found).items()} == {
            label: len(lines) for label, lines in assumed(here).items()
        }
    again = analysed(trainer, checkpoints, only=SOME)
    assert set(trainer.events.outcomes) == {"reused"}
    assert again.run["status"] == "complete"
    assert SECRET.encode() not in contents(location(f"{checkpoints}-report"))  # type: ignore[arg-type]


def test_pandas_reads_the_address(trainer: Any, checkpoints: RemotePath) -> None:
    report = analysed(trainer, checkpoints, only=("snapshot", "exact-w"))
    for place in (report.path, report.path / "measurements"):
        rows = pd.read_parquet(str(place), storage_options={"endpoint_url": os.environ["AWS_ENDPOINT_URL"]})
        assert len(rows) == len(report.measurements)
    assert wganalyze.open_report(str(report.path)).measurements.equals(report.measurements)


def test_duckdb_reads_the_address(trainer: Any, checkpoints: RemotePath) -> None:
    """By the same library of stores."""
    report = analysed(trainer, checkpoints, only=("snapshot", "exact-w"))
    with duckdb.connect() as connection:
        connection.register_filesystem(fsspec.filesystem("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"]))
        asked = f"select snapshot, value from '{report.path}/measurements/*.parquet' where metric = 'w1'"
        found = dict(connection.execute(asked).fetchall())
    rows = report.measurements
    assert found == dict(rows.loc[rows["metric"] == "w1", ["snapshot", "value"]].itertuples(index=False))


def test_a_cell_without_its_last_object_is_none(trainer: Any, checkpoints: RemotePath) -> None:
    """As where whoever wrote it was killed: it is computed again."""
    report = analysed(trainer, checkpoints, only=("snapshot",))
    signs = [file for file in (report.path / "_cells").iterdir() if file.name.endswith(".done")]
    assert len(signs) > 3
    for sign in signs:
        sign.unlink()
    analysed(trainer, checkpoints, only=("snapshot",))
    assert trainer.events.outcomes == ["ok"] * 3


def test_workers_share_a_report_in_the_store(trainer: Any, checkpoints: RemotePath, tmp_path: Path) -> None:
    here = trainer.run("snapshot", "exact-w", "lipschitz", out=tmp_path / "here", jobs=1)
    report = f"{checkpoints.parent}/shared"
    nets = [part for role, net in trainer.nets.items() for part in (f"--{role}", net)]
    wanted = ["--data", "digits", "--n", "40", "--replicates", "2", "--only", "snapshot,exact-w,lipschitz", *nets]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def verb(*arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "wganalyze", *arguments]
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)

    said = verb("run", str(checkpoints), "--out", report, "--prepare", *wanted).communicate()
    assert "9 cells are prepared" in "".join(said)
    workers = [verb("worker", report) for _ in range(2)]
    for worker in workers:
        said = worker.communicate(timeout=300)
        assert worker.returncode == 0, said
        assert SECRET not in "".join(said)
    found = wganalyze.open_report(report)
    assert standing(found.path).left == 0
    pd.testing.assert_frame_equal(numbers(here), numbers(found), check_exact=True)


def test_opening_reads_headers_alone(trainer: Any, bucket: RemotePath, proxy: Any) -> None:
    """Of a hundred checkpoints of a megabyte."""
    total = 0
    for i in range(100):
        content = io.BytesIO()
        torch.save({f"main.{j}.{part}": torch.rand(shape) for j in range(2) for part, shape in SHAPES.items()}, content)
        (bucket / f"run/G_{i}.pt").write_bytes(content.getvalue())
        total += len(content.getvalue())
    proxy.given, proxy.requests = 0, type(proxy.requests)()
    opened = open_request(Request(bucket / "run"))
    assert len(opened.snapshots) == 100
    assert proxy.given < 0.01 * total
    assert proxy.requests["GET"] + proxy.requests["HEAD"] < 100 * 8


SHAPES = {"weight": (360, 360), "bias": (360,)}


def test_what_the_store_refuses_is_one_line(trainer: Any, checkpoints: RemotePath, proxy: Any) -> None:
    with pytest.raises(UsageError, match="s3://no-such-bucket-here/a: no such file or folder"):
        analysed(trainer, location("s3://no-such-bucket-here/a"))
    proxy.methods, proxy.faults[:] = ("PUT",), ["500"] * 1000
    with pytest.raises(wganalyze.WganalyzeError) as caught:
        analysed(trainer, checkpoints, only=("snapshot",))
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_store_that_fails_now_and_then_changes_nothing(trainer: Any, checkpoints: RemotePath, proxy: Any) -> None:
    proxy.methods = ("GET", "PUT", "HEAD")
    proxy.faults[:] = (["500"] + [""] * 9) * 100
    report = analysed(trainer, checkpoints, only=("snapshot",))
    assert report.exit_code == 0
    assert len(proxy.faults) < 960
    proxy.faults.clear()
    assert json.loads((report.path / "_run.json").read_text())["status"] == "complete"


def test_a_store_that_lets_nobody_in_is_one_line(trainer: Any, checkpoints: RemotePath, proxy: Any, capfd: Any) -> None:
    from wganalyze.cli import call

    proxy.methods, proxy.faults = ("GET", "HEAD", "PUT"), ["500"] * 10_000
    nets = [part for role, net in trainer.nets.items() for part in (f"--{role}", net)]
    for arguments in (
        ["inspect", str(checkpoints)],
        ["run", str(trainer.folder), "--out", f"{checkpoints.parent}/report", "--only", "snapshot", *nets],
        ["show", f"{checkpoints.parent}/report"],
        ["worker", f"{checkpoints.parent}/report"],
    ):
        assert call(arguments) == 2
        said = capfd.readouterr().err.splitlines()
        assert said[-1].startswith("Error: s3://"), said
        assert "the store says: " in said[-1]


def test_a_monitor_is_of_this_machine() -> None:
    with pytest.raises(UsageError, match="saves checkpoints on this machine"):
        wganalyze.Monitor("s3://bucket/out", data="digits")
