"""Compiled kernels in processes of their own: cached for the next one, without a place to write, from many threads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import wganalyze

THREADS = """
import json, threading
import numpy as np
from numba.core.registry import CPUDispatcher
from wganalyze.transport import batch, dense, wasserstein
from wganalyze.transport.costs import transforms
from wganalyze.transport.shortlist import kernels

rng = np.random.default_rng(0)
x, y = rng.standard_normal((2, 300, 20))
xs, ys = rng.standard_normal((2, 200, 10, 5))
found, errors = {}, []

def work(kind):
    try:
        for _ in range(8):
            if kind == "batch":
                value = float(batch.wasserstein_batch(xs, ys).value.sum())
            else:
                value = wasserstein(x, y, solver=kind).value
            found.setdefault(kind, set()).add(value)
    except BaseException as error:
        errors.append(repr(error))

threads = [threading.Thread(target=work, args=(kind,)) for kind in ("batch", "shortlist", "dense") * 2]
for thread in threads: thread.start()
for thread in threads: thread.join()
everything = [f for module in (batch, dense, transforms, kernels) for f in vars(module).values()]
compiled = [f for f in everything if isinstance(f, CPUDispatcher)]
print(json.dumps({
    "values": {kind: sorted(values) for kind, values in found.items()},
    "errors": errors,
    "misses": sum(sum(f.stats.cache_misses.values()) for f in compiled),
    "hits": sum(sum(f.stats.cache_hits.values()) for f in compiled),
}))
"""
SMALL = """
from wganalyze.transport import wasserstein
print(wasserstein([[0.0], [1.0], [5.0]], [[6.0], [2.0], [1.0]]))
"""


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_", "PYTHONWARN"))}
    return subprocess.run(
        [sys.executable, "-c", script], env=kept | environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_threads_do_not_meet_in_kernels_and_the_next_process_compiles_nothing(tmp_path: Path) -> None:
    """In numba's workqueue, the layer of a plain install, two parallel kernels at a time abort the process."""

    def once() -> tuple[dict[str, Any], dict[str, int]]:
        done = run(THREADS, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_THREADING_LAYER="workqueue", NUMBA_NUM_THREADS="2")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), {str(path): path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb*")}

    cold, files = once()
    assert cold["errors"] == []
    assert {kind: len(values) for kind, values in cold["values"].items()} == {"batch": 1, "shortlist": 1, "dense": 1}
    assert abs(cold["values"]["shortlist"][0] - cold["values"]["dense"][0]) <= 1e-12 * cold["values"]["dense"][0]
    assert cold["misses"] > 5
    assert files
    warm, after = once()
    assert warm["values"] == cold["values"]
    assert (warm["misses"], warm["errors"]) == (0, [])
    assert warm["hits"] > 5
    assert after == files


def test_with_nowhere_to_write_one_line_says_so(tmp_path: Path) -> None:
    """Files where folders of caches would go stop the superuser, too, whom no permission stops."""
    source = Path(wganalyze.__file__).parent
    copy = tmp_path / "wganalyze"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [copy, *(path for path in copy.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").touch()
    nowhere = tmp_path / "nowhere"
    nowhere.touch()
    before = sorted(tmp_path.rglob("*"))
    script = SMALL + "import wganalyze\nprint(wganalyze.__file__)"
    done = run(script, PYTHONPATH=str(tmp_path), HOME=str(nowhere / "home"), PYTHONWARNINGS="default")
    assert done.returncode == 0, done.stderr
    assert str(copy) in done.stdout
    assert "value=1" in done.stdout
    said = [line for line in done.stderr.splitlines() if "Warning:" in line]
    assert len(said) == 1, done.stderr
    assert "cannot be cached" in said[0]
    assert "NUMBA_CACHE_DIR" in said[0]
    assert sorted(tmp_path.rglob("*")) == before
    # What it says helps.
    helped = run(script, PYTHONPATH=str(tmp_path), HOME=str(nowhere / "home"), NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert "cannot be cached" not in helped.stderr
    assert "value=1" in helped.stdout
    assert list((tmp_path / "cache").rglob("*.nbi"))


def test_threads_are_as_many_afterwards_as_before() -> None:
    """Numba and torch share OpenMP: a process that was given one core keeps to it."""
    code = (
        "import numpy as np, torch; from wganalyze.transport import wasserstein_batch; torch.set_num_threads(1); "
        "x = np.random.default_rng(0).normal(size=(4, 8, 2)); wasserstein_batch(x, x + 1); "
        "print(torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
