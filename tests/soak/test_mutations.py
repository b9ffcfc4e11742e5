"""Damaged files of every kind, offered to all loaders, and damaged reports: no crash, no code run, no request sent."""

from __future__ import annotations

import html
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hostile.test_cuts import OPTIONAL, WRITERS
from tests.soak.conftest import Fleet, full, small
from tests.soak.mutating_reports import STRANGE, Loads

MUTATING, MUTATING_REPORTS = (Path(__file__).with_name(name) for name in ("mutating.py", "mutating_reports.py"))
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
    mutate(MUTATING, tmp_path, count)


@pytest.mark.parametrize("count", [small(20), full(50_000)])
def test_mutated_reports_do_no_harm(count: int, make_fleet: Callable[[int], Fleet]) -> None:
    fleet = make_fleet(2)
    assert fleet.begin("--only", "snapshot,exact-w,lipschitz,pictures").wait() == 0
    mutate(MUTATING_REPORTS, fleet.folder.parent, count)


def test_only_what_a_browser_would_fetch_is_a_load() -> None:
    for text in (*STRANGE[:2], "<style>a {background: url(//a)}</style>", "<p style='background: url(http://a)'>"):
        assert Loads(text).found
        assert not Loads(f"<p title='{html.escape(text)}'>{html.escape(text)}</p>").found


def mutate(script: Path, folder: Path, count: int) -> None:
    """Have processes do it, so many times in all."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(folder), str(seed), str(count // PROCESSES)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for seed in range(PROCESSES)
    ]
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, f"died ({process.returncode}): {folder}\n{err[-2000:]}"
        assert out == "done\n"
