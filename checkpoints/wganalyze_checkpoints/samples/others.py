"""Arrays beside the samples (weights, fixed noise, labels, losses): recognised, so that they say what they are."""

from __future__ import annotations

from pathlib import Path

from wganalyze import CheckpointError, Loader, Part
from wganalyze_checkpoints.samples.headers import ERRORS, arrays_in
from wganalyze_checkpoints.samples.kinds import chosen_from, told


class OtherArrays(Loader):
    """The loader of kind "arrays", which reads none."""

    name = "arrays"

    def sniff(self, path: Path) -> float:
        """Low, so that whoever can read such arrays goes first."""
        try:
            arrays = None if path.is_dir() else arrays_in(path)
            return 0.1 if arrays is not None and chosen_from(path.stem, arrays) is None else 0.0
        except (OSError, *ERRORS):
            return 0.0

    def open(self, path: Path) -> list[Part]:
        """Never: CheckpointError says what is there."""
        try:
            arrays = arrays_in(path)
        except (OSError, *ERRORS) as error:
            raise CheckpointError(f"{path}: cannot be read ({error}); copy or save it again") from error
        raise CheckpointError(f"{path}: {told(path.stem, arrays or {})}")
