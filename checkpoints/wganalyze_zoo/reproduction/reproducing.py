"""A reproduction: seed after seed is trained and measured, on all cores, until the time is spent."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from wganalyze import UsageError, WganalyzeError
from wganalyze_zoo.reproduction import working
from wganalyze_zoo.reproduction.recipes import PAIRS, Subject, scale_for

MOST_SEEDS = 20
SPARE = 1.1
"""How much longer than the last one a seed may take."""
Tell = Callable[[str], None]


@dataclass
class Reproduction:
    """What is under way.

    ``budget``: seconds. ``seed``: the first one. ``tell`` is given a line for each thing done. ``pairs``: of laws,
    whose divergences are measured once. ``reports``: the folders of what is measured; ``seeds``: how many there are.
    """

    out: Path
    subjects: Sequence[Subject]
    budget: float
    seed: int
    tell: Tell
    pairs: Sequence[str] = PAIRS
    reports: list[Path] = field(default_factory=list)
    seeds: int = 0

    def __post_init__(self) -> None:
        self.start = time.monotonic()
        self.cores = os.cpu_count() or 1
        self.scale = scale_for(self.budget, len(self.subjects), self.cores)

    def execute(self) -> list[Path]:
        """All seeds that there is time for, one at least; the folders of their reports.

        Called again with the same folder it goes on where it was. WganalyzeError where a process was killed.
        """
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--out {self.out}: cannot be written ({error.strerror}); name another folder") from None
        self.tell(
            f"{self.budget / 60:g} minutes on {self.cores} cores: steps times {self.scale:g}, and as many seeds as fit"
        )
        with working.limited(), ProcessPoolExecutor(self.cores, mp_context=get_context("spawn")) as pool:
            try:
                self._pairs(pool)
                longest = 0.0
                while self.seeds < MOST_SEEDS:
                    begun = time.monotonic()
                    self._seed(pool, self.seed + self.seeds)
                    self.seeds += 1
                    longest = max(longest, time.monotonic() - begun)
                    if time.monotonic() - self.start + SPARE * longest > self.budget:
                        break
            except BrokenProcessPool:
                raise WganalyzeError(
                    f"--out {self.out}: a process was killed (out of memory?); the same command goes on from there"
                ) from None
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return self.reports

    def _pairs(self, pool: ProcessPoolExecutor) -> None:
        places = {pair: self.out / "pairs" / re.sub(r"[^\w.-]+", "-", pair) for pair in self.pairs}
        self._done({pool.submit(working.measure_pair, pair, place, self.seed): pair for pair, place in places.items()})

    def _seed(self, pool: ProcessPoolExecutor, seed: int) -> None:
        """Train everything of a seed, then measure it."""
        places = [(subject, self._place(subject, seed)) for subject in self.subjects]
        pending: dict[Future[Any], str] = {}
        for subject, place in places:
            for recipe in subject.recipes:
                job = pool.submit(working.train_one, recipe, subject, place / "checkpoints", seed, self.scale)
                pending[job] = f"{subject.name}, seed {seed}: trained"
        self._done(pending)
        pending = {}
        for subject, place in places:
            checkpoints = place / "checkpoints"
            jobs = [
                pool.submit(working.analyse, subject, checkpoints, place / "report", seed),
                pool.submit(working.continue_last, subject, checkpoints, place / "last-report", seed),
            ]
            pending |= dict.fromkeys(jobs, f"{subject.name}, seed {seed}: measured")
        self._done(pending)

    def _place(self, subject: Subject, seed: int) -> Path:
        """Of a seed; trainings of other lengths lie apart."""
        return self.out / re.sub(r"[^\w.-]+", "-", subject.name) / f"steps-x{self.scale:g}" / f"seed-{seed}"

    def _done(self, pending: dict[Future[Any], str]) -> None:
        for count, job in enumerate(as_completed(pending), start=1):
            result = job.result()
            if isinstance(result, Path):
                self.reports.append(result)
            spent = (time.monotonic() - self.start) / 60
            self.tell(f"[{spent:.1f} of {self.budget / 60:g} min] {pending[job]} {result} ({count}/{len(pending)})")
