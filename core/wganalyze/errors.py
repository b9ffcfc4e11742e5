"""The errors a user meets: one line that names the file or option, what is wrong, and what to do."""

from __future__ import annotations


class WganalyzeError(Exception):
    """A fault of the input or of the request; the message is shown as it is, without a traceback."""


class UsageError(WganalyzeError):
    """The request cannot be carried out as asked: exit code 2."""


class StoreError(OSError, UsageError):
    """An object store does not answer as it should: no such bucket, no permission, no connection."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class CheckpointError(WganalyzeError):
    """A checkpoint cannot be read, or does not fit the network it is loaded into."""


class TrustError(CheckpointError):
    """Reading would run code that came with the checkpoint, and the user did not say ``--trust``."""


class DataError(WganalyzeError):
    """A data source cannot be read, or holds less than was asked for."""


class NotMeasurable(WganalyzeError):
    """Raised by an analyzer that cannot answer: its cell is stored as skipped, with this reason."""
