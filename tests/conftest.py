"""Shared by all tests: hypothesis without deadlines, and the field data where there are any."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

FIELD = Path(__file__).parents[2] / "shared" / "field"

# The first example of a test pays for imports; CI is to fail for what changed, not for what it drew.
settings.register_profile("wganalyze", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("wganalyze")


@pytest.fixture(scope="session")
def field() -> Path:
    """The folder of field data; tests that use it carry the marker of the same name."""
    if not FIELD.is_dir():
        pytest.skip(f"no field data at {FIELD}")
    return FIELD


# Started in the background of a script, a process ignores Ctrl-C, and so would all that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
