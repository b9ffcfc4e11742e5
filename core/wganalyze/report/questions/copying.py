"""The files of a snapshot, copied to another folder."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from wganalyze.contracts.snapshot import content_digest
from wganalyze.errors import UsageError
from wganalyze.remote.path import location


def copy_snapshot(record: Mapping[str, Any], label: str, target: Path, measured: Collection[str] = ()) -> list[Path]:
    """Copy the files of a snapshot, as run.json (``record``) names them, into ``target``; the copies' paths.

    ``measured``: digests of the content that was measured, if known. Files of several folders keep what tells their
    folders apart. UsageError where a file is gone or is not as it was measured, or another stands in its place.
    """
    entries = [entry for entry in record.get("snapshots", []) if entry["label"] == label]
    if not entries or not entries[0].get("files"):
        raise UsageError(f"--copy-to {target}: the report does not say which files {label} was read from")
    files = [_found(location(name), record, label, target) for name in entries[0]["files"]]
    if measured and content_digest(files) not in measured:
        names = ", ".join(map(str, files))
        raise UsageError(f"--copy-to {target}: {names}: not as measured; run wganalyze run again, then best")
    common = Path(os.path.commonpath([file.parent for file in files]))
    copies = [target / file.relative_to(common) for file in files]
    for file, copy in zip(files, copies, strict=True):
        if copy.exists() and not (file.is_file() and copy.is_file() and filecmp.cmp(file, copy, shallow=False)):
            raise UsageError(f"--copy-to {target}: another {copy.name} is there already; name another folder")
    try:
        for file, copy in zip(files, copies, strict=True):
            copy.parent.mkdir(parents=True, exist_ok=True)
            if file.is_dir():
                shutil.copytree(file, copy)
            elif not copy.exists():
                shutil.copy2(file, copy)
    except OSError as error:
        raise UsageError(f"--copy-to {target}: cannot be written ({error.strerror or error})") from None
    return copies


def _found(file: Path, record: Mapping[str, Any], label: str, target: Path) -> Path:
    """A file by its path, which was relative to where the run was started."""
    source = location(record.get("source", "."))
    candidates = [file] if file.is_absolute() else [base / file for base in (source, *source.parents)]
    inside = [path for path in candidates if path.exists() and (path == source or source in path.parents)]
    there = inside or [path for path in (file,) if path.exists()]
    if not there:
        raise UsageError(f"--copy-to {target}: {file}, which {label} was read from, is not there any more")
    return there[0].resolve()
