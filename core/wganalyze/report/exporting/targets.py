"""The targets of an export by name, and the error where the library of one is missing."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from wganalyze.errors import UsageError
from wganalyze.report.exporting.series import Exported

LIBRARIES = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow", "trackio": "trackio"}
"""What a target imports; each is an extra of its name."""

TARGETS = (*LIBRARIES, "csv", "json")
Write = Callable[[Exported, Path], str]
"""Writes into a folder; returns how to look at it."""


def export(exported: Exported, target: str, folder: Path) -> str:
    """Write for a target of ``TARGETS`` and say how to look at it; UsageError where its library or room is missing."""
    library = LIBRARIES.get(target)
    advice = f"pip install 'wganalyze[{target}]'"
    if library and find_spec(library) is None:
        raise UsageError(f"--to {target}: {library} is not installed; {advice}")
    write: Write = import_module(f"wganalyze.report.exporting.{target}_export").write
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return write(exported, folder)
    except ImportError as error:
        raise UsageError(f"--to {target}: {library} cannot be imported ({error}); {advice}") from error
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror or error}); name another folder") from error
