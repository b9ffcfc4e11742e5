"""Views: ``measurements/``, ``_findings/`` and ``_tables/*/``, a few large files made from the cells that count.

A number is never visible without its finding: findings come before measurements, and leave after them.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from wganalyze.errors import WganalyzeError
from wganalyze.processes import draft_of
from wganalyze.remote.path import RemotePath
from wganalyze.report.claims import locked
from wganalyze.report.holm import corrected_rows
from wganalyze.report.schema import FINDINGS, MEASUREMENTS, PICTURES, SCHEMA_VERSION, arrow
from wganalyze.report.store import (
    FINDINGS_FILE,
    MEASUREMENTS_FILE,
    PICTURES_FILE,
    CellStore,
    content_of,
    sync_folder,
    write_table,
)

if TYPE_CHECKING:
    import pyarrow as pa

INTERVAL_S = 30.0
_PART = "part-0.parquet"


class Views:
    """The views of a report, kept in memory between refreshes, so that each cell is read once."""

    def __init__(self, store: CellStore):
        self.store = store
        self.layout = store.layout
        self._tables: dict[str, pa.Table] = {}
        self._cells: set[str] = set()
        self._written = -math.inf

    def behind(self) -> bool:
        """Do the files on disk lack committed cells, or hold cells that no longer count?"""
        return self._stamp_on_disk() != _stamp(self.store.current())

    def refresh(self, *, force: bool = False) -> bool:
        """Bring the files up to date; without ``force`` at most every 30 s. Were they?"""
        due = force or time.monotonic() - self._written >= INTERVAL_S
        if due:
            with locked(self.layout.lock):
                self._write(self.store.current())
            self._written = time.monotonic()
        return due

    def read(self) -> Mapping[str, pa.Table]:
        """All views by name: from the files, which are first brought up to date where that can be."""
        import pyarrow as pa

        if not self.behind():
            with suppress(OSError, pa.ArrowException):
                return {view: _table(path) for view, path in self._files().items()}
        # A report that cannot be written to is still read, from its cells.
        with suppress(OSError):
            self.refresh(force=True)
        return self.complete(self.store.current())

    def gather(self, cells: list[str]) -> Mapping[str, pa.Table]:
        """All views of ``cells`` by name, in memory."""
        import pyarrow as pa

        wanted = set(cells)
        if self._cells - wanted:
            self._tables = {view: _only(table, wanted) for view, table in self._tables.items()}
            self._cells &= wanted
        fresh: dict[str, list[pa.Table]] = {}
        for cell in sorted(wanted - self._cells):
            for view, table in _read_cell(self.store.folder / cell):
                fresh.setdefault(view, []).append(table)
        for view, tables in fresh.items():
            old = [self._tables[view]] if view in self._tables else []
            try:
                whole = _joined([*old, *tables])
            except pa.ArrowException as error:
                raise WganalyzeError(
                    f"{self.layout.view(view)}: cells of different versions of an analyzer disagree about a column "
                    f"({_first_line(error)}); run all snapshots with one version, or name another --out"
                ) from None
            self._tables[view] = whole.combine_chunks()
        self._cells |= wanted
        empty = {"measurements": MEASUREMENTS, "findings": FINDINGS}
        return {**{view: arrow(columns).empty_table() for view, columns in empty.items()}, **self._tables}

    def complete(self, cells: list[str]) -> Mapping[str, pa.Table]:
        """As ``gather``, sorted by snapshot, and with the rows that only the run as a whole can give."""
        import pyarrow as pa

        tables = dict(self.gather(cells))
        tables["measurements"] = pa.concat_tables([tables["measurements"], *corrected_rows(tables["measurements"])])
        order = [("snapshot", "ascending"), ("step", "ascending")]
        return {view: table.sort_by([o for o in order if o[0] in table.column_names]) for view, table in tables.items()}

    def pictures(self, snapshots: Collection[str] | None = None) -> pa.Table:
        """The pictures of the cells that count, from the cells themselves: a view would hold them twice."""
        paths = [self.store.folder / cell / PICTURES_FILE for cell in self.store.current(snapshots)]
        tables = [_read(path) for path in paths if path.exists()]
        table = _joined(tables) if tables else arrow(PICTURES).empty_table()
        return table.sort_by([("snapshot", "ascending"), ("step", "ascending")])

    def _write(self, cells: list[str]) -> None:
        tables = self.complete(cells)
        stamp = _stamp(cells)
        last = ["measurements"]
        leaving = self._leaving(set(cells))
        if leaving is not None:
            self._replace("findings", _joined([tables["findings"], leaving]), "")
            last.append("findings")
        for view, path in self._files().items():
            if view not in tables:
                path.unlink()
        for view in [*sorted(set(tables) - set(last)), *last]:
            self._replace(view, tables[view], stamp)

    def _leaving(self, cells: set[str]) -> pa.Table | None:
        """Findings on disk of cells that no longer count, and whose numbers are to go first."""
        import pyarrow as pa

        try:
            shown = _table(self.layout.view("findings") / _PART)
        except (OSError, pa.ArrowException):
            return None
        gone = set(shown["cell"].to_pylist()) - cells
        return _only(shown, gone) if gone else None

    def _replace(self, view: str, table: pa.Table, stamp: str) -> None:
        table = table.replace_schema_metadata({"wganalyze_schema": SCHEMA_VERSION, "cells": stamp})
        folder = self.layout.view(view)
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(folder, RemotePath):
            write_table(table, folder / _PART)
            return
        draft = draft_of(folder / _PART)
        try:
            write_table(table, draft)
            draft.replace(folder / _PART)
            sync_folder(folder)
        finally:
            draft.unlink(missing_ok=True)

    def _files(self) -> dict[str, Path]:
        """The files of the views on disk."""
        views = ("measurements", "findings", *self.layout.details())
        return {view: path for view in views if (path := self.layout.view(view) / _PART).exists()}

    def _stamp_on_disk(self) -> str:
        import pyarrow as pa
        import pyarrow.parquet as pq

        stamps = set()
        for view in ("measurements", "findings"):
            try:
                with _damage_is_invalid():
                    metadata = pq.read_schema(content_of(self.layout.view(view) / _PART)).metadata or {}
            except (OSError, pa.ArrowException):
                return ""
            stamps.add(metadata.get(b"cells", b"").decode(errors="replace"))
        return stamps.pop() if len(stamps) == 1 else ""


def _stamp(cells: list[str]) -> str:
    return hashlib.sha256("\n".join(cells).encode()).hexdigest()


def _read_cell(folder: Path) -> list[tuple[str, pa.Table]]:

    paths = {"measurements": folder / MEASUREMENTS_FILE, "findings": folder / FINDINGS_FILE}
    paths |= {f"tables/{path.stem}": path for path in sorted((folder / "tables").glob("*.parquet"))}
    return [(view, _read(path)) for view, path in paths.items()]


def _read(path: Path) -> pa.Table:
    """A file of a cell; WganalyzeError says which cell is damaged."""
    import pyarrow as pa

    try:
        return _table(path)
    except (OSError, pa.ArrowException) as error:
        folder = path.parent if path.parent.name != "tables" else path.parent.parent
        raise WganalyzeError(
            f"{path}: cannot be read ({_first_line(error)}); delete the folder {folder} and run again, "
            "which computes this cell anew"
        ) from None


def _table(path: Path) -> pa.Table:
    """A small Parquet file: without the data-set machinery, a quarter of the time."""
    import pyarrow.parquet as pq

    with _damage_is_invalid():
        with pq.ParquetFile(content_of(path)) as file:
            table = file.read(use_threads=False)
        table.validate(full=True)  # texts, too
        return table


@contextmanager
def _damage_is_invalid() -> Iterator[None]:
    """Of text that is no UTF-8, pyarrow raises what Python does."""
    import pyarrow as pa

    try:
        yield
    except UnicodeDecodeError as error:
        raise pa.ArrowInvalid(f"text that is no UTF-8 ({error.reason})") from None


def _joined(tables: list[pa.Table]) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables(tables, promote_options="permissive")


def _first_line(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return reason.strip().splitlines()[0].rstrip(".")


def _only(table: pa.Table, cells: set[str]) -> pa.Table:
    import pyarrow.compute as pc

    return table.filter(pc.field("cell").isin(sorted(cells)))
