"""A reproduction: seed after seed is trained and measured, on all cores, until the time is spent."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wganalyze import UsageError, WganalyzeError
from wganalyze_zoo.reproduction import working
from wganalyze_zoo.reproduction.recipes import PAIRS, Subject, scale_for
from wganalyze_zoo.workers import cores, workers

MOST_SEEDS = 20
RECORD = "reproduction"
"""The file that says how far it is."""
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
        self.cores = cores()
        self.scale = scale_for(self.budget, len(self.subjects), self.cores)
        self.start, self.before = time.monotonic(), 0.0

    @property
    def spent(self) -> float:
        """Seconds, of this call and of those before it."""
        return self.before + time.monotonic() - self.start

    def execute(self) -> list[Path]:
        """All seeds that there is time for, one at least; the folders of their reports.

        Called again with the same folder and budget it goes on where it was, and does nothing more once it is done.
        WganalyzeError where a process was killed.
        """
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            earlier = self._earlier()
        except OSError as error:
            raise UsageError(f"--out {self.out}: cannot be written ({error.strerror}); name another folder") from None
        done, self.before = int(earlier.get("seeds", 0)), float(earlier.get("spent", 0))
        complete = bool(earlier.get("complete", False))
        time_ = f"{self.budget / 60:g} minutes on {self.cores} cores"
        self.tell(f"{time_}: steps times {self.scale:g}, and {f'{done} seeds' if complete else 'as many seeds as fit'}")
        with workers(self.cores, self.out) as pool:
            self._pairs(pool)
            longest = float(earlier.get("longest", 0))
            while self.seeds < MOST_SEEDS:
                begun, anew = time.monotonic(), self.seeds >= done
                if (complete and anew) or (self.seeds and anew and self.spent + SPARE * longest > self.budget):
                    break
                self._seed(pool, self.seed + self.seeds)
                self.seeds += 1
                longest = max(longest, time.monotonic() - begun) if anew else longest
                if anew:
                    self._remember(longest, complete=False)
        self._remember(longest, complete=True)
        return self.reports

    @property
    def _record(self) -> Path:
        return self.out / f"{RECORD}-x{self.scale:g}.json"

    def _asked(self) -> dict[str, Any]:
        return {"budget": self.budget, "seed": self.seed, "data": [subject.name for subject in self.subjects]}

    def _earlier(self) -> dict[str, Any]:
        """What an earlier call of the same wrote down."""
        try:
            earlier: dict[str, Any] = json.loads(self._record.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return earlier if all(earlier.get(name) == value for name, value in self._asked().items()) else {}

    def _remember(self, longest: float, *, complete: bool) -> None:
        progress = {"seeds": self.seeds, "spent": self.spent, "longest": longest, "complete": complete}
        draft = self._record.with_suffix(".draft")
        draft.write_text(json.dumps({**self._asked(), **progress}, indent=1))
        draft.replace(self._record)

    def _pairs(self, pool: ProcessPoolExecutor) -> None:
        places = {pair: self.out / "pairs" / _plain(pair) for pair in self.pairs}
        self._done({pool.submit(working.measure_pair, pair, place, self.seed): pair for pair, place in places.items()})

    def _seed(self, pool: ProcessPoolExecutor, seed: int) -> None:
        """Train everything of a seed, then measure it; the draws of the measurements are those of the first seed."""
        places = [(subject, self._place(subject, seed)) for subject in self.subjects]
        pending: dict[Future[Any], str] = {}
        for subject, place in places:
            for recipe in subject.recipes:
                job = pool.submit(working.train_one, recipe, subject, place / "checkpoints", seed, self.scale)
                pending[job] = f"{subject.name}, seed {seed}: {recipe.folder}"
        self._done(pending)
        pending = {}
        for subject, place in places:
            checkpoints = place / "checkpoints"
            jobs = [
                pool.submit(working.analyse, subject, checkpoints, place / "report", self.seed),
                pool.submit(working.continue_last, subject, checkpoints, place / "last-report", self.seed),
            ]
            pending |= dict.fromkeys(jobs, f"{subject.name}, seed {seed}: measured")
        self._done(pending)

    def _place(self, subject: Subject, seed: int) -> Path:
        """Of a seed; trainings of other lengths lie apart."""
        return self.out / _plain(subject.name) / f"steps-x{self.scale:g}" / f"seed-{seed}"

    def _done(self, pending: dict[Future[Any], str]) -> None:
        """Wait for all; one that fails is told, and the others go on: claims say what they lack."""
        for count, job in enumerate(as_completed(pending), start=1):
            try:
                result = job.result()
            except WganalyzeError as error:
                result = f"failed ({error})"
            if isinstance(result, Path):
                self.reports.append(result)
            spent = f"{self.spent / 60:.1f} of {self.budget / 60:g} min"
            self.tell(f"[{spent}] {pending[job]}: {result} ({count}/{len(pending)})")


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)
