"""Disks that fail at any write, and clocks that jump: one line, and nothing is lost."""

from __future__ import annotations

import errno
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.core.running.test_jobs import numbers
from tests.soak.conftest import Fleet, committed, full, small

from wganalyze.cli import call
from wganalyze.report.reading import Report

FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)
PLACES = ((os, "fsync"), (Path, "rename"), (Path, "replace"))
ANALYZERS = ("--only", "snapshot,quality")


class Failing:
    """The disk, which fails at the ``moment``-th write and at all that come after."""

    def __init__(self, moment: int, fault: int):
        self.left, self.fault = moment, fault

    def wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """A call that may fail."""

        def call_it(*words: Any, **more: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise OSError(self.fault, os.strerror(self.fault))
            return real(*words, **more)

        return call_it


@pytest.mark.parametrize(("step", "faults"), [small(13, FAULTS[:1]), full(1, FAULTS)])
def test_a_disk_that_fails(
    step: int,
    faults: tuple[int, ...],
    make_fleet: Callable[[int], Fleet],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fleet = make_fleet(2)
    assert call(fleet.words(*ANALYZERS, out=tmp_path / "whole")) == 0
    whole, failures = numbers(Report(tmp_path / "whole")), 0
    for fault in faults:
        moment, code = 0, 1
        while code != 0:
            out = tmp_path / f"report-{fault}-{moment}"
            disk = Failing(moment, fault)
            with monkeypatch.context() as patch:
                for owner, name in PLACES:
                    patch.setattr(owner, name, disk.wrap(getattr(owner, name)))
                capsys.readouterr()
                code = call(fleet.words(*ANALYZERS, out=out))
            said = capsys.readouterr().err
            if code != 0:
                failures += 1
                errors = [line for line in said.splitlines() if line.startswith("Error: ")]
                assert len(errors) == 1, said
                assert os.strerror(fault) in errors[0]
                assert "unforeseen" not in said
                assert "Traceback" not in said
            kept = committed(out)
            assert call(fleet.words(*ANALYZERS, out=out)) == 0
            assert kept <= committed(out)
            pd.testing.assert_frame_equal(numbers(Report(out)), whole, check_exact=True)
            moment += step
    assert failures > 1


@pytest.mark.parametrize("count", [small(2), full(40)])
def test_a_clock_that_jumps(
    count: int, make_fleet: Callable[[int], Fleet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, chance, real = make_fleet(count), random.Random(0), time.time
    assert call(fleet.words(*ANALYZERS, out=tmp_path / "whole")) == 0
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: real() + chance.uniform(-(10**7), 10**7))
        assert call(fleet.words(*ANALYZERS)) == 0
    pd.testing.assert_frame_equal(numbers(Report(fleet.report)), numbers(Report(tmp_path / "whole")), check_exact=True)
