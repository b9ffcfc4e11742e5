"""Shared by the tests of the plugins: the field data, where there are any."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

FIELD = Path(__file__).parents[3] / "shared" / "field"

# No deadline: the first example of a test pays for imports.
settings.register_profile("plugins", deadline=None)
settings.load_profile("plugins")


@pytest.fixture(scope="session")
def field() -> Path:
    """The folder of field data; tests that use it carry the marker of the same name."""
    if not FIELD.is_dir():
        pytest.skip(f"no field data at {FIELD}")
    return FIELD
