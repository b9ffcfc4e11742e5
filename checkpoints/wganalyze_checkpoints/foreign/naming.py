"""Every kind of file that is named and not read, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wganalyze import Foreign, Naming, hookimpl
from wganalyze_checkpoints.foreign import archives, beside, downloads, frameworks
from wganalyze_checkpoints.foreign.seen import Probe, Seen

PROBES: tuple[Probe, ...] = (*downloads.PROBES, *frameworks.PROBES, *archives.PROBES, *beside.PROBES)


class ForeignFiles(Foreign):
    """Names other frameworks, archives, failed downloads, and what lies beside checkpoints."""

    name = "foreign-files"
    folders = True

    def identify(self, path: Path) -> Naming | None:
        """What the first probe says that knows it."""
        try:
            seen = Seen.of(path)
            return next((naming for probe in PROBES if (naming := probe(seen)) is not None), None)
        except OSError:
            return None


@hookimpl
def wganalyze_foreign() -> Iterable[type[Foreign]]:
    """The names of files that our loaders leave."""
    return [ForeignFiles]
