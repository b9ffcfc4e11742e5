"""Paths and addresses on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class Location(click.ParamType[Path]):
    """A path, or an address in a store: SCHEME://PLACE."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """UsageError where the kind of store is unknown."""
        from wganalyze.remote.path import location

        return location(value)


LOCATION = Location()
