"""What a plugin can give: the hook specifications, and the marker that implements them.

A plugin is a module (or object) named by an entry point of the group ``wganalyze``; the entry point's name is
the plugin's name. It implements any of the hooks below::

    from wganalyze.hooks import hookimpl

    @hookimpl
    def wganalyze_analyzers():
        return [MyAnalyzer]

Every hook is of the "register" family: it returns objects, which the host lists, filters and isolates.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from wganalyze.analyzer import Analyzer
    from wganalyze.data import DataSource
    from wganalyze.snapshot import Architecture, Loader

NAMESPACE = "wganalyze"

hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


@hookspec
def wganalyze_analyzers() -> Iterable[type[Analyzer]]:  # type: ignore[empty-body]
    """Analyzer classes (not instances): the host makes one instance per run, with the user's options."""


@hookspec
def wganalyze_loaders() -> Iterable[Loader]:  # type: ignore[empty-body]
    """Readers of checkpoint files; each knows one kind of file."""


@hookspec
def wganalyze_architectures() -> Iterable[Architecture]:  # type: ignore[empty-body]
    """Builders of networks, named in a ``wganalyze.toml`` or recognised by their keys and shapes."""


@hookspec
def wganalyze_data() -> Iterable[type[DataSource]]:  # type: ignore[empty-body]
    """Data source classes; ``--data NAME:ARGUMENT`` makes an instance of the class called NAME."""
