"""Exact transport against everything that pip installs: time, CPU and memory, in one process; writes README.md here."""

from __future__ import annotations

import ctypes
import gc
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from machine import machine
from peers import BATCHED, SINGLE
from samples import FIELD, SAMPLES

HERE = Path(__file__).parent
LIMIT = 120.0
"""Seconds past which a peer is dropped; what its smaller sizes foretell to be longer is not begun."""
LATE = 60.0
"""The same for our own solver once the time is up."""
ONCE = 20.0
"""Seconds past which a peer has had its seeds: one is enough."""
TOTAL = float(os.environ.get("WGANALYZE_BENCH_SECONDS", 40 * 60))
SEEDS = (9001, 9002, 9003)[: int(os.environ.get("WGANALYZE_BENCH_SEEDS", "3"))]
SLOW = {"lapx", "ortools", "POT lazy"}
SLOW_SIZE = 1000


@dataclass(frozen=True)
class Case:
    """What is solved; ``batches`` 0: one pair of samples."""

    n: int
    d: int
    data: str
    batches: int = 0

    @property
    def seeds(self) -> tuple[int, ...]:
        """Three, but one beyond n = 5000."""
        return SEEDS if self.n <= 5000 and not self.batches else SEEDS[:1]


@dataclass(frozen=True)
class Run:
    """One solver on one case: seconds of wall and CPU, the rise of memory in bytes, and the value."""

    wall: float
    cpu: float
    memory: float
    value: float


CASES = [
    *(Case(n, d, data, b) for n, b in ((64, 1000), (256, 100)) for d in (64, 784) for data in ("mixture", "patches")),
    *(Case(n, d, data) for n in (1000, 2000, 5000) for d in (64, 784) for data in ("mixture", "patches")),
    Case(898, 64, "digits"),
    *(Case(5000, d, "noise") for d in (2, 64, 784, 3072)),
    Case(1000, 2, "mixture"),
    Case(5000, 2, "mixture"),
    Case(5000, 3072, "patches"),
    Case(5000, 64, "duplicates"),
    Case(5000, 64, "generators"),
    Case(5000, 784, "mnist"),
    *(Case(n, d, data) for n in (10000, 20000, 50000) for d in (64, 784) for data in ("mixture", "patches")),
]


class Memory:
    """The largest rise of this process's resident memory while a block runs, looked at every 5 ms."""

    def __enter__(self) -> Memory:
        gc.collect()
        with suppress(OSError, AttributeError):  # what earlier cases left to the heap goes back, where that is glibc's
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        self._process = psutil.Process()
        self._start = self.rise = self._process.memory_info().rss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self.rise = max(self.rise, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.rise -= self._start


def measured(solver: Any, x: Any, y: Any) -> Run:
    """One run; CPU time counts all threads."""
    with Memory() as memory:
        wall, cpu = time.perf_counter(), time.process_time()
        value = solver(x, y)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Run(wall, cpu, memory.rise, value)


def run_all(print_: Any) -> dict[Case, dict[str, list[Run]]]:
    """All cases that the time allows, the smaller ones first; a solver that grew too slow is left out."""
    begun = time.perf_counter()
    results: dict[Case, dict[str, list[Run]]] = defaultdict(dict)
    last: dict[tuple[str, int, str], tuple[int, float]] = {}
    for case in CASES:
        if case.data == "mnist" and not FIELD.is_dir():
            continue
        solvers = BATCHED if case.batches else SINGLE
        for seed in case.seeds:
            count = case.n * max(case.batches, 1)
            x, y = SAMPLES[case.data](count, case.d, seed)
            if case.batches:
                x, y = (side.reshape(case.batches, case.n, case.d) for side in (x, y))
            for name, solver in solvers.items():
                late = time.perf_counter() - begun > TOTAL
                slow = name in SLOW and (case.n > SLOW_SIZE or seed != SEEDS[0])
                foretold = _foretold(last, name, case)
                enough = name != "wganalyze" and any(run.wall > ONCE for run in results[case].get(name, []))
                if slow or enough or foretold > LIMIT or (late and (name != "wganalyze" or foretold > LATE)):
                    continue
                try:
                    run = measured(solver, x, y)
                except MemoryError as error:
                    print_(f"{case} {name}: {error}")
                    continue
                if not case.batches:
                    last[name, case.d, case.data] = case.n, run.wall
                results[case].setdefault(name, []).append(run)
                print_(f"{case} {name}: {run.wall:.2f} s, {run.cpu:.2f} s CPU, {run.memory / 2**20:.0f} MiB")
    return results


def _foretold(last: dict[tuple[str, int, str], tuple[int, float]], name: str, case: Case) -> float:
    """Seconds, by the exponent 2.5 from the largest size yet; ours is nearer to 2."""
    n, seconds = last.get((name, case.d, case.data), (case.n, 0.0))
    return seconds * (case.n / n) ** (2.0 if name == "wganalyze" else 2.5)


def median(runs: list[Run], what: str) -> float:
    return float(np.median([getattr(run, what) for run in runs]))


def table(results: dict[Case, dict[str, list[Run]]]) -> Iterator[str]:
    """Wall seconds of all, the ratios to ours, and our CPU seconds and memory beside POT's."""
    names = list(SINGLE)
    yield f"| case | {' | '.join(names)} | POT / ours | best other / ours | CPU s, ours / POT | MiB, ours / POT |"
    yield "|---" * (len(names) + 5) + "|"
    for case, runs in results.items():
        if "wganalyze" not in runs:
            continue
        walls = {name: median(found, "wall") for name, found in runs.items()}
        ours = walls["wganalyze"]
        others = {name: wall for name, wall in walls.items() if name not in ("wganalyze", "POT")}
        cells = [f"{walls[name]:.3g}" if name in walls else "-" for name in names]
        best = min(others, key=lambda name: others[name], default=None)
        pot = runs.get("POT")
        title = f"{case.data}, {f'{case.batches} x ' if case.batches else ''}{case.n} x {case.d}"
        yield (
            "| "
            + " | ".join(
                [
                    title,
                    *cells,
                    f"{walls['POT'] / ours:.1f}" if pot else "-",
                    f"{others[best] / ours:.1f} ({best})" if best else "-",
                    f"{median(runs['wganalyze'], 'cpu'):.3g} / " + (f"{median(pot, 'cpu'):.3g}" if pot else "-"),
                    f"{median(runs['wganalyze'], 'memory') / 2**20:.0f} / "
                    + (f"{median(pot, 'memory') / 2**20:.0f}" if pot else "-"),
                ]
            )
            + " |"
        )


def exponents(
    results: dict[Case, dict[str, list[Run]]], what: str, data: str, d: int
) -> dict[str, tuple[Any, Any, float]]:
    """Sizes, medians and the fitted exponent of each solver over n, from n = 1000 on."""
    found = {}
    for name in SINGLE:
        points = [
            (case.n, median(runs[name], what))
            for case, runs in results.items()
            if name in runs and not case.batches and (case.data, case.d) == (data, d) and case.n >= 1000
        ]
        if len(points) > 1:
            n, y = (np.array(side, float) for side in zip(*sorted(points), strict=True))
            found[name] = (n, np.maximum(y, 1e-9), float(np.polyfit(np.log(n), np.log(np.maximum(y, 1e-9)), 1)[0]))
    return found


def plot(results: dict[Case, dict[str, list[Run]]], path: Path) -> None:
    """Time and memory over n, on logarithmic axes, with the fitted exponents."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "wganalyze"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 8), sharex=True)
    for row, (what, unit, label) in enumerate((("wall", 1.0, "seconds"), ("memory", 2.0**20, "MiB"))):
        for column, d in enumerate((64, 784)):
            axis = axes[row, column]
            for name, (n, y, exponent) in exponents(results, what, "mixture", d).items():
                bold = {"linewidth": 2.5, "color": "black"} if name == "wganalyze" else {}
                axis.loglog(n, y / unit, "o-", label=f"{name}: n^{exponent:.2f}", **bold)
            axis.set(title=f"mixture, d = {d}", xlabel="n", ylabel=label)
            axis.grid(visible=True, which="both", alpha=0.3)
            axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_exact_transport_against_its_peers(capsys: pytest.CaptureFixture[str]) -> None:
    from wganalyze.transport import wasserstein, wasserstein_batch

    x, y = SAMPLES["mixture"](1500, 2, 1)
    wasserstein(x, y, solver="shortlist")  # everything compiled, in few dimensions too, which are priced in float64
    x, y = SAMPLES["mixture"](1500, 64, 1)
    for kind in (np.float32, np.float64):  # for the points of either precision
        wasserstein(x.astype(kind), y.astype(kind), solver="shortlist")
        wasserstein(x[:500].astype(kind), y[:500].astype(kind))
        wasserstein_batch(x[None, :64].astype(kind), y[None, :64].astype(kind))
    begun = time.perf_counter()

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"{time.perf_counter() - begun:5.0f} {line}", flush=True)

    results = run_all(say)
    for case, runs in ((case, runs) for case, runs in results.items() if "wganalyze" in runs):
        values = {name: [run.value for run in found] for name, found in runs.items()}
        for name, found in values.items():
            assert np.allclose(found, values["wganalyze"][: len(found)], rtol=1e-6, atol=1e-9), (case, name)
    plot(results, HERE / "transport.svg")
    before, mark, _ = (HERE / "README.md").read_text().partition("<!-- measured -->")
    fitted = exponents(results, "wall", "mixture", 64)
    lines = [
        mark,
        "",
        machine(),
        "",
        *table(results),
        "",
        "![time and memory over n](transport.svg)",
        "",
        "Fitted exponents of wall time over n (mixture, d = 64): "
        + ", ".join(f"{name} {exponent:.2f}" for name, (_, _, exponent) in fitted.items()) + ".",
        "",
    ]  # fmt: skip
    (HERE / "README.md").write_text(before + "\n".join(lines))
