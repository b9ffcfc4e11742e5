"""What whole runs cost, by analyzer: a trajectory of a conv GAN, critics on the plane, the demo; writes README.md."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from machine import machine
from whole_run import FIELD

HERE = Path(__file__).parent
BEGIN, END = "<!-- whole runs -->", "<!-- end of whole runs -->"
CASES = {
    "conv": "WGAN-GP on 28 x 28, n = 909, R = 5: 21 snapshots of `wgan-gp-akanametov`, perturbed",
    "64": "ten critics of the W1 benchmark on the plane, width 64, n = 2000, R = 5",
}


def measured(case: str, folder: Path) -> dict[str, Any]:
    """A run in a fresh process."""
    command = [sys.executable, str(HERE / "whole_run.py"), case, str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def table(title: str, ran: dict[str, Any]) -> Iterator[str]:
    """By analyzer: the first snapshot, and the mean of the others."""
    cells: Sequence[dict[str, Any]] = ran["cells"]
    labels = list(dict.fromkeys(cell["snapshot"] for cell in cells))
    shown = next(cell["at"] for cell in cells if cell["shown"])
    total = f"{ran['cpu']:.0f} s of CPU, {ran['wall']:.0f} s of wall; the first number after {shown:.1f} s"
    yield f"{title}: {total}."
    yield ""
    yield "| analyzer | first snapshot, CPU s | each further one, CPU s | wall s |"
    yield "|---|---|---|---|"
    sums = [0.0, 0.0, 0.0]
    for analyzer in dict.fromkeys(cell["analyzer"] for cell in cells):
        own = [cell for cell in cells if cell["analyzer"] == analyzer]
        first = next(cell["cpu"] for cell in own if cell["snapshot"] == labels[0])
        further = [cell for cell in own if cell["snapshot"] != labels[0]]
        row = [first, *(sum(cell[what] for cell in further) / len(further) for what in ("cpu", "wall"))]
        sums = [total + value for total, value in zip(sums, row, strict=True)]
        yield f"| {analyzer} | " + " | ".join(f"{value:.2f}" for value in row) + " |"
    yield "| all | " + " | ".join(f"{value:.1f}" for value in sums) + " |"
    yield ""


def demo(folder: Path) -> str:
    """The demo's cost, training and all."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [str(Path(sys.executable).with_name("wganalyze")), "demo", "--out", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"`wganalyze demo`, its training too: {cpu:.0f} s of CPU, {time.perf_counter() - wall:.0f} s of wall."


@pytest.mark.bench
@pytest.mark.field
@pytest.mark.timeout(3600)
def test_whole_runs(field: Path, tmp_path: Path) -> None:
    assert field == FIELD
    lines = [BEGIN, "", machine(), ""]
    for case, title in CASES.items():
        folder = tmp_path / case
        folder.mkdir()
        ran = measured(case, folder)
        assert {cell["status"] for cell in ran["cells"]} <= {"ok", "skipped"}
        lines += table(title, ran)
    lines += [demo(tmp_path / "demo"), "", END]
    text = (HERE / "README.md").read_text()
    before, rest = text.split(BEGIN)[0], text.partition(END)[2]
    (HERE / "README.md").write_text(before + "\n".join(lines) + rest)
