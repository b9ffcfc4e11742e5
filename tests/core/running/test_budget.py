"""Times as people write them, and the size that they allow."""

from __future__ import annotations

import pytest

from wganalyze.contracts.samples import Preprocessing
from wganalyze.errors import UsageError
from wganalyze.running.budget import FIRST, largest_n
from wganalyze.settings.texts import seconds_of
from wganalyze.testing import Gaussian
from wganalyze.transport import limits
from wganalyze.transport.shortlist import bytes_held


@pytest.mark.parametrize(("text", "seconds"), [("20s", 20), ("2m", 120), ("2 min", 120), ("1.5h", 5400), ("7", 7)])
def test_a_time(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-3s", "20 parsecs", "s"])
def test_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="write a time, as 20s, 2m or 1h"):
        seconds_of(text)


def test_it_never_takes_more_than_there_is() -> None:
    for most in (40, 700, 1000):
        assert largest_n(Gaussian(2), Preprocessing(), most, 1e6, 0) == most


def test_it_stays_at_what_fits_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for shortlists of 1,500 points is none for 2,000."""
    monkeypatch.setattr(limits, "MEMORY_BYTES", bytes_held(1500, 1500, 2))
    assert largest_n(Gaussian(2), Preprocessing(), None, 1e6, 0) == 2 * FIRST


def test_without_time_it_is_the_first_size() -> None:
    assert largest_n(Gaussian(2), Preprocessing(), None, 1e-9, 0) == FIRST
