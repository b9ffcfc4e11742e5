"""Where things lie in a report folder.

pyarrow, and so ``pd.read_parquet``, reads every file below a folder as one table, but for what begins with "_" or ".":
with a JSON among them it fails, and findings and cells become rows of that table. Therefore everything but the
measurements begins with "_", and ``pd.read_parquet(REPORT)`` gives the measurements. A report that was begun without
the "_" is read, and gone on with, as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VISIBLE = "measurements"
PLAN, RUN = "plan.json", "run.json"


@dataclass(frozen=True)
class Layout:
    """The places in one report; ``mark``: what the names begin with, "_", or "" in a report of before."""

    report: Path
    mark: str = "_"

    @classmethod
    def of(cls, report: Path) -> Layout:
        """That of a report on disk; of one yet to be made, the layout of today."""
        today, former = cls(report), cls(report, "")
        return former if former.begun and not today.begun else today

    @property
    def begun(self) -> bool:
        """Is there a report in this layout?"""
        return self.plan.is_file() or self.run.is_file()

    @property
    def plan(self) -> Path:
        """The file that says which cells count."""
        return self.report / f"{self.mark}{PLAN}"

    @property
    def run(self) -> Path:
        """The record of the last run."""
        return self.report / f"{self.mark}{RUN}"

    @property
    def lock(self) -> Path:
        """The file that whoever writes plan, record or views has made."""
        return self.report / f"{self.mark}lock"

    def precedes(self, name: str) -> bool:
        """Is this a file that a run makes before its record is there: the lock, its helpers, the record's draft?"""
        return name.lstrip(".").startswith((self.lock.name, self.run.name))

    @property
    def cells(self) -> Path:
        """The folder of the cells."""
        return self.report / f"{self.mark}cells"

    @property
    def tasks(self) -> Path:
        """The plan of a run that was prepared for workers."""
        return self.report / f"{self.mark}tasks.json"

    @property
    def board(self) -> Path:
        """The folder in which workers say what they have."""
        return self.report / f"{self.mark}board"

    @property
    def data(self) -> Path:
        """The folder of what was computed of the data alone, for all processes of a run."""
        return self.report / f"{self.mark}data"

    def view(self, name: str) -> Path:
        """The folder of a view: "measurements", "findings", "tables/ANALYZER.NAME"."""
        return self.report / (name if name == VISIBLE else f"{self.mark}{name}")

    def details(self) -> Iterator[str]:
        """The views of detail tables that have a folder, by name."""
        for folder in sorted(self.view("tables").glob("*")):
            yield f"tables/{folder.name}"
