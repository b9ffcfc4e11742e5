"""A page of a report that is kept current: written anew while a folder is followed, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wganalyze.errors import UsageError
from wganalyze.report.page.templating import write_text
from wganalyze.report.page.writing import page
from wganalyze.report.reading import Report
from wganalyze.text import one_line, reason_of

REFRESH = 30
"""Seconds after which a browser loads the page anew, while there is more to come."""


@dataclass(frozen=True)
class KeptPage:
    """``path``: of the page. ``note``: is told, in one line, what goes wrong, which ends nothing else.

    UsageError where the folder is not there in which it is to lie.
    """

    path: Path
    note: Callable[[str], None]

    def __post_init__(self) -> None:
        if not self.path.parent.is_dir():
            raise UsageError(
                f"--page {self.path}: there is no folder {self.path.parent}; make it, or name another file"
            )

    def write(self, report: Path, *, more: bool) -> None:
        """As the report is now; ``more``: is more to come, so that an open page loads itself anew?"""
        try:
            write_text(page([Report(report)], refresh=REFRESH if more else 0, verb="watch"), self.path, "--page")
        except UsageError as error:  # a disk that is full
            self.note(f"{one_line(error)}; it is tried again")
        except Exception as error:  # somebody's report, which a page could not be made of
            self.note(f"--page {self.path}: could not be made ({reason_of(error)}); it is tried again")
