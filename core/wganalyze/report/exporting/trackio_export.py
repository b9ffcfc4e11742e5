"""A database of trackio, as its dashboard reads it; no server is started."""

from __future__ import annotations

import os
from pathlib import Path

from wganalyze.errors import UsageError
from wganalyze.report.exporting.series import Exported, by_step


def write(exported: Exported, folder: Path) -> str:
    """Write one run for each trajectory into FOLDER, which TRACKIO_DIR then names; runs of these names are replaced.

    UsageError where trackio was imported before and looks elsewhere.
    """
    place = folder.resolve()
    os.environ["TRACKIO_DIR"] = str(place)  # is read when trackio is imported
    from trackio.sqlite_storage import SQLiteStorage  # pyright: ignore[reportMissingImports]
    from trackio.utils import TRACKIO_DIR  # pyright: ignore[reportMissingImports]

    if Path(TRACKIO_DIR).resolve() != place:
        raise UsageError(f"--to trackio: it writes to {TRACKIO_DIR}, and was imported before; call wganalyze export")
    for name, series in exported.by_run().items():
        SQLiteStorage.delete_run(exported.name, name)
        steps = by_step(series)
        SQLiteStorage.bulk_log(exported.name, name, [*steps.values()], [*steps], config=dict(exported.facts))
    return f"TRACKIO_DIR={place} trackio show --project {exported.name}"
