"""What was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wganalyze.settings.config import Config


@dataclass(frozen=True)
class Request:
    """What was asked for; ``config`` holds what the command line says, which goes before any file."""

    path: Path
    out: Path | None = None
    config: Config = field(default_factory=Config)
    config_file: Path | None = None
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    options: Sequence[str] = ()
    device: str = "auto"
    trust: bool = False
    allow: Sequence[str] = ()
    infer: bool = False
    loader: str | None = None
    no_plugins: Sequence[str] = ()
    command: Sequence[str] = ()

    @property
    def report_path(self) -> Path:
        """Where the report goes: ``out``, or PATH-report beside the path."""
        if self.out is not None:
            return self.out
        plain = self.path if self.path.name not in ("", "..") else self.path.resolve()
        return plain.with_name(f"{plain.name}-report")
