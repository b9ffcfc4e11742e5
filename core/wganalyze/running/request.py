"""What was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wganalyze.remote.path import location
from wganalyze.settings.facts import Said


@dataclass(frozen=True)
class Request:
    """What was asked for.

    ``path``: the file or folder. ``said``: what the call itself says, which goes before any file.
    ``command``: the call, as run.json records it.
    ``in_memory``: no file is read: the networks are given.
    """

    path: Path
    said: Said = field(default_factory=Said)
    command: Sequence[str] = ()
    in_memory: bool = False

    @property
    def source(self) -> str:
        """What a report is of: one folder is of one source."""
        return "memory" if self.in_memory else str(self.path.resolve())

    @property
    def report_path(self) -> Path:
        """Where the report goes: ``out``, or PATH-report beside the path."""
        out = self.said.get("out")
        if out is not None:
            return location(out)
        plain = self.path if self.path.name not in ("", "..") else self.path.resolve()
        return plain.with_name(f"{plain.name}-report")
