"""Times as people write them, and the size that they allow."""

from __future__ import annotations

import pytest

from wganalyze.budget import seconds_of
from wganalyze.errors import UsageError


@pytest.mark.parametrize(("text", "seconds"), [("20s", 20), ("2m", 120), ("2 min", 120), ("1.5h", 5400), ("7", 7)])
def test_a_time(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-3s", "20 parsecs", "s"])
def test_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="write a time, as 20s, 2m or 1h"):
        seconds_of(text)
