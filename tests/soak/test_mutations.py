"""Damaged files of every kind, offered to all loaders: no crash, no code run, no request sent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.hostile.test_cuts import OPTIONAL, WRITERS
from tests.soak.conftest import full, small

MUTATING = Path(__file__).with_name("mutating.py")
PROCESSES = 2


@pytest.mark.parametrize("count", [small(2_000), full(1_000_000)])
def test_mutated_files_do_no_harm(count: int, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    for name, write in {**WRITERS, **OPTIONAL}.items():
        try:
            write(whole / name)
        except ImportError:  # of an optional library
            continue
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(
            [sys.executable, str(MUTATING), str(tmp_path), str(seed), str(count // PROCESSES)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for seed in range(PROCESSES)
    ]
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, f"died ({process.returncode}): {tmp_path}\n{err[-2000:]}"
        assert out == "done\n"
