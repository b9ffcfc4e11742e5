"""Cells: one folder for each (snapshot, analyzer), committed by one rename and never changed afterwards.

``_cells/KEY/`` is a cell that is ok; a failed or skipped attempt lies in ``_cells/KEY~NNN/`` and is tried again. Work
in progress has a dot-name. In an object store, which has no rename, a cell is committed by one last object beside its
folder, ``_cells/KEY.done``.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

from wganalyze.errors import WganalyzeError
from wganalyze.processes import draft_of, is_left
from wganalyze.remote.path import RemotePath
from wganalyze.report.claims import locked
from wganalyze.report.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa

    from wganalyze.contracts.measurement import Status

MEASUREMENTS_FILE = "measurements.parquet"
FINDINGS_FILE = "findings.parquet"
PICTURES_FILE = "pictures.parquet"
DONE = ".done"
"""The end of the name of the object that commits a cell."""


@dataclass(frozen=True)
class CellTables:
    """The content of a cell; ``details`` by "ANALYZER.NAME"; ``pictures``: None where there are none."""

    measurements: pa.Table
    findings: pa.Table
    details: Mapping[str, pa.Table]
    pictures: pa.Table | None = None


class CellStore:
    """The cells of a report folder and the plan that says which of them count."""

    def __init__(self, report: Path):
        self.report = report
        self.layout = Layout.of(report)
        self.folder = self.layout.cells
        self._seen: tuple[object, dict[str, str]] = (None, {})
        self.plan: dict[str, str] = self._read_plan()
        """From slot ("SNAPSHOT\\tANALYZER") to the key of its cell."""

    def has(self, key: str) -> bool:
        """Is there an ok cell with this key?"""
        return self._sign_of(key).exists()

    def _sign_of(self, name: str) -> Path:
        """What is there once a cell is committed."""
        return self.folder / (f"{name}{DONE}" if isinstance(self.folder, RemotePath) else name)

    def next_name(self, key: str, status: Status) -> str:
        """The folder name under which a cell of this status will be committed."""
        if status == "ok":
            return key
        attempt = 1 + max((int(name.rpartition("~")[2]) for name in self._attempts(key)), default=0)
        return f"{key}~{attempt:03d}"

    def commit(self, name: str, tables: CellTables) -> None:
        """Write a cell under a dot-name, sync it to disk, and make it visible by one rename."""
        if isinstance(self.folder, RemotePath):
            _write_cell(tables, self.folder / name)
            write_atomically(self._sign_of(name), b"")
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = draft_of(self.folder / name)
        shutil.rmtree(draft, ignore_errors=True)
        try:
            draft.mkdir()
            _write_cell(tables, draft)
            if tables.details:
                sync_folder(draft / "tables")
            sync_folder(draft)
            try:
                draft.rename(self.folder / name)
            except OSError:
                # Another run was quicker: cells are idempotent, and that one is as good.
                if not (self.folder / name).is_dir():
                    raise
            sync_folder(self.folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def choose(self, slots: Mapping[str, str]) -> None:
        """Say which keys count for these slots from now on; what other runs said of other slots stays."""
        self.plan = self._seen_plan()
        if all(self.plan.get(slot) == key for slot, key in slots.items()):
            return
        with locked(self.layout.lock):  # other runs write other slots
            self.plan = {**self._read_plan(), **slots}
            text = json.dumps({"slots": self.plan}, separators=(",\n", ": "), sort_keys=True)
            write_atomically(self.layout.plan, text.encode())
            self._seen = (_version_of(self.layout.plan), self.plan)

    def current(self, snapshots: Collection[str] | None = None) -> list[str]:
        """Names of the committed cells that count: the ok one of each planned key, else its last attempt.

        ``snapshots``: of these alone.
        """
        self.plan = self._read_plan()
        committed = self._committed()
        last: dict[str, str] = {}
        attempts = [name for name in committed if "~" in name and not name.startswith(".")]
        for name in sorted(attempts, key=lambda name: (len(name), name)):
            last[name.partition("~")[0]] = name
        planned = (
            key for place, key in self.plan.items() if snapshots is None or place.partition("\t")[0] in snapshots
        )
        chosen = (key if key in committed else last.get(key) for key in planned)
        return sorted({name for name in chosen if name is not None})

    def _committed(self) -> set[str]:
        """The names of all cells that are."""
        names = self._names()
        if isinstance(self.folder, RemotePath):
            return {name.removesuffix(DONE) for name in names if name.endswith(DONE)}
        return {*names}

    def _names(self) -> list[str]:
        """What lies in the folder of the cells."""
        if isinstance(self.folder, RemotePath):
            return [path.name for path in self.folder.glob("*")]
        return [entry.name for entry in os.scandir(self.folder)] if self.folder.is_dir() else []

    def sweep(self) -> None:
        """Remove drafts that a killed run left behind: of cells, of the views' files and of those beside them."""
        if isinstance(self.folder, RemotePath):  # which takes files as a whole
            return
        beside = self.report.glob(".*.json.*")
        views = [self.report.glob("*/.*.parquet.*"), self.layout.view("tables").glob("*/.*.parquet.*")]
        for draft in chain(beside, self.folder.glob(".*.*"), *views):
            if is_left(draft):
                if draft.is_dir():
                    shutil.rmtree(draft, ignore_errors=True)
                else:
                    draft.unlink(missing_ok=True)

    def _attempts(self, key: str) -> list[str]:
        return [name.removesuffix(DONE) for name in self._names() if name.startswith(f"{key}~")]

    def _seen_plan(self) -> dict[str, str]:
        """The plan, read where the file looks otherwise than before; on a network's disk it may lag by seconds."""
        version = _version_of(self.layout.plan)
        if version is None or version != self._seen[0]:
            self._seen = (version, self._read_plan())
        return self._seen[1]

    def _read_plan(self) -> dict[str, str]:
        path = self.layout.plan
        if not path.exists():
            return {}
        try:
            slots: dict[str, str] = dict(json.loads(path.read_text())["slots"])
        except (ValueError, TypeError, KeyError):
            raise WganalyzeError(
                f"{path}: is damaged; delete it and run again with the same --out: finished cells are found again"
            ) from None
        return slots


def _write_cell(tables: CellTables, folder: Path) -> None:
    write_table(tables.measurements, folder / MEASUREMENTS_FILE, few=True)
    write_table(tables.findings, folder / FINDINGS_FILE, few=True)
    if tables.pictures is not None:
        write_table(tables.pictures, folder / PICTURES_FILE, few=True)
    if tables.details:
        (folder / "tables").mkdir()
        for detail, table in tables.details.items():
            write_table(table, folder / "tables" / f"{detail}.parquet", few=True)


def _version_of(path: Path) -> object:
    """Another one for each file that took this name; None: there is none."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def slot(snapshot: str, analyzer: str) -> str:
    """The place of a cell in the plan."""
    return f"{snapshot}\t{analyzer}"


def write_table(table: pa.Table, path: Path, *, few: bool = False) -> None:
    """A Parquet file, synced to disk; of a ``few`` rows without what costs more than the rows."""
    import pyarrow.parquet as pq

    with path.open("wb") as file:
        pq.write_table(
            table, file, compression="zstd", write_statistics=not few, use_dictionary=not few, store_schema=not few
        )
        if not isinstance(path, RemotePath):
            file.flush()
            os.fsync(file.fileno())


def content_of(path: Path) -> Path | IO[bytes]:
    """What pyarrow reads a file from."""
    return BytesIO(path.read_bytes()) if isinstance(path, RemotePath) else path


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``, in one rename; a store puts a file as a whole."""
    if isinstance(path, RemotePath):
        path.put(content)
        return
    draft = draft_of(path)
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames and new names inside a folder durable, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
