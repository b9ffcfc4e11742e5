"""``wganalyze watch DIR``: follow a folder that a trainer writes into."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wganalyze.cli import DEBUG, debug_option
from wganalyze.cli.options import make_request, options_for

if TYPE_CHECKING:
    from wganalyze.monitoring.watching import Watch
    from wganalyze.running.request import Request


@click.command(short_help="Follow the folder DIR and analyse checkpoints as a trainer writes them.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--every", metavar="TIME", default="2s", show_default=True, help="Time from one look to the next.")
@click.option("--until", metavar="N", type=click.IntRange(1), help="End when N snapshots have been analysed.")
@click.option("--idle", metavar="TIME", help="End when there was nothing new for this time.")
@click.option("--page", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="Keep a page of the report current in this file.")  # fmt: skip
@options_for(opening=False)
@debug_option
def watch(folder: Path, every: str, until: int | None, idle: str | None, page: Path | None, **texts: Any) -> int:
    """Follow DIR: analyse what is there and what is written into it, the newest first, until Ctrl-C.

    \b
    wganalyze watch ckpt/ --data NAME --generator train:Generator --critic train:Critic
    wganalyze watch ckpt/ --idle 10m          # for a script: ends when the training has
    wganalyze watch ckpt/ --page run.html     # a page that an open browser loads anew

    A file is opened when it is whole: as large and as old as at the look before. One that is damaged is a line, and is
    tried again when it changes; one that is deleted leaves its numbers in the report. Options are those of run, but
    that --budget is the time of each snapshot. Ctrl-C ends with the report complete. Exit code 0: good; 1: a cell
    failed, or nothing was analysed; 2: usage.
    """
    from wganalyze.cli.show import print_report
    from wganalyze.errors import UsageError
    from wganalyze.report.reading import open_report

    request = make_request(folder, texts, ["wganalyze", *sys.argv[1:]])
    for flag in {"jobs", "dask"} & request.said.keys():
        raise UsageError(f"--{flag}: watch analyses one snapshot after the other, as they come; leave it out")
    poll, quiet = _seconds("--every", every), None if idle is None else _seconds("--idle", idle)

    def enough(watching: Watch, since: float) -> bool:
        return len(watching.analysed) >= (until or sys.maxsize) or (quiet is not None and since >= quiet)

    debug = click.get_current_context().find_root().meta.get(DEBUG, False)
    with _watching(request, poll, page, debug=debug) as watching:
        watching.progress.note(f"watching {folder}, every {poll:g} s; Ctrl-C ends")
        with suppress(KeyboardInterrupt):
            watching.follow(poll, enough)
    if watching.report is not None:
        print_report(open_report(watching.report.path))
        if page is not None and page.exists():
            watching.progress.note(f"page: {page}")
    else:
        watching.progress.note(f"{folder}: nothing was analysed; wganalyze inspect {folder} says what is in it")
    return watching.exit_code


@contextmanager
def _watching(request: Request, poll: float, page: Path | None, *, debug: bool) -> Iterator[Watch]:
    """The watch, shown as it fits: a table that is kept current on a terminal, plain lines in a log."""
    from wganalyze.cli.progress import Lines
    from wganalyze.monitoring.watching import watched

    if not sys.stdout.isatty():
        yield watched(request, Lines(debug=debug), poll, page)
        return
    from rich.live import Live

    from wganalyze.cli.console import make_console

    console = make_console()
    with Live(console=console, transient=True, refresh_per_second=4) as live:
        board = _Board(live)
        watching = watched(request, board, poll, page)
        board.watching = watching
        yield watching


class _Board:
    """The table of the last snapshots, and below it what is being done; lines stand above it."""

    def __init__(self, live: Any):
        self.live = live
        self.watching: Watch | None = None
        self._place = ""

    def note(self, line: str) -> None:
        """A line that stays."""
        from rich.text import Text

        self.live.console.print(Text(line))

    def begin(self, cells: int) -> None:
        """Another snapshot."""
        self._show()

    def cell(self, snapshot: str, analyzer: str) -> None:
        """What is at work."""
        self._place = f"{snapshot} {analyzer} ..."
        self._show()

    def done(self, outcome: Any) -> None:
        """A cell that failed is a line."""
        if outcome is not None and outcome.status == "failed":
            self.note(f"{self._place.removesuffix(' ...')} FAILED: {outcome.message}")
        self._place = "waiting for what is new; Ctrl-C ends"
        self._show()

    def _show(self) -> None:
        from rich.console import Group
        from rich.text import Text

        from wganalyze.report.terminal import latest

        parts: list[Any] = [Text(self._place, style="dim")]
        report = self.watching.report if self.watching is not None else None
        if report is not None:
            parts.insert(0, latest(report, self.live.console, max(3, self.live.console.height - 8)))
        self.live.update(Group(*parts))


def _seconds(option: str, text: str) -> float:
    from wganalyze.errors import UsageError
    from wganalyze.settings.values import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}") from None
