"""Paths and addresses on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import click


class Location(click.Path):
    """A path, or an address in a store: SCHEME://PLACE."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """UsageError where the kind of store is unknown."""
        from wganalyze.remote.path import MARK, location

        return location(value if MARK in str(value) else cast(Path, super().convert(value, param, ctx)))


LOCATION = Location(path_type=Path)
