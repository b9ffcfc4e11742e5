"""Small samples and many batches against POT and scipy, in a minute; writes README.md."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from machine import machine
from peers import BATCHED, SINGLE
from samples import SAMPLES

HERE = Path(__file__).parent
BEGIN, END = "<!-- small samples -->", "<!-- end of small samples -->"
SEEDS = (9001, 9002, 9003)
CASES = [
    *(("batches", 1000, 64, d, data) for d in (64, 784) for data in ("mixture", "patches")),
    *(("batches", 100, 256, d, data) for d in (64, 784) for data in ("mixture", "patches")),
    *(
        ("one", 1, 1000, d, data)
        for d in (64, 784, 3072)
        for data in ("mixture", "patches")
        if d < 3072 or data == "mixture"
    ),
    ("one", 1, 5000, 64, "duplicates"),
]


def seconds(solver: Any, x: Any, y: Any) -> float:
    """Of one call."""
    start = time.perf_counter()
    solver(x, y)
    return time.perf_counter() - start


def table() -> Iterator[str]:
    """Medians of wall seconds over fresh seeds, in turns, after one call that does not count."""
    yield "| case | wganalyze | POT | scipy | POT / ours | scipy / ours |"
    yield "|---|---|---|---|---|---|"
    for kind, count, n, d, data in CASES:
        solvers = {name: (BATCHED if kind == "batches" else SINGLE)[name] for name in ("wganalyze", "POT", "scipy")}
        taken: dict[str, list[float]] = {name: [] for name in solvers}
        for seed in (SEEDS[0], *SEEDS):
            x, y = SAMPLES[data](count * n, d, seed)
            if kind == "batches":
                x, y = (side.reshape(count, n, d) for side in (x, y))
            for name, solver in solvers.items():
                taken[name].append(seconds(solver, x, y))
        ours, pot, scipy = (float(np.median(taken[name][1:])) for name in solvers)
        title = f"{data}, {f'{count} x ' if kind == 'batches' else ''}{n} x {d}"
        yield f"| {title} | {ours:.3g} | {pot:.3g} | {scipy:.3g} | {pot / ours:.2f} | {scipy / ours:.2f} |"


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_small_samples() -> None:
    lines = [BEGIN, "", machine(), "", *table(), "", END]
    text = (HERE / "README.md").read_text()
    (HERE / "README.md").write_text(text.split(BEGIN)[0] + "\n".join(lines) + text.partition(END)[2])
