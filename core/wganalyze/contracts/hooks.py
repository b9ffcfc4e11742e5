"""What a plugin can give: the hook specifications, and the marker that implements them.

A plugin is a module (or object) named by an entry point of the group ``wganalyze``; the entry point's name is
the plugin's name. It implements any of the hooks below::

    from wganalyze import hookimpl

    @hookimpl
    def wganalyze_analyzers():
        return [MyAnalyzer]

All hooks are of one form: each returns classes, which the host lists, checks, isolates, and makes instances of.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from wganalyze.contracts.analyzer import Analyzer
from wganalyze.contracts.architecture import Architecture
from wganalyze.contracts.claim import Claim
from wganalyze.contracts.data import DataSource
from wganalyze.contracts.embedding import Embedding
from wganalyze.contracts.foreign import Foreign
from wganalyze.contracts.loader import Loader

NAMESPACE = "wganalyze"

hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


@hookspec
def wganalyze_analyzers() -> Iterable[type[Analyzer]]:  # type: ignore[empty-body]
    """Analyzers: one instance for each snapshot, with the user's options."""


@hookspec
def wganalyze_loaders() -> Iterable[type[Loader]]:  # type: ignore[empty-body]
    """Loaders: one instance for the run, without arguments; each knows one kind of file."""


@hookspec
def wganalyze_foreign() -> Iterable[type[Foreign]]:  # type: ignore[empty-body]
    """Names of files that no loader reads: one instance for the run, without arguments."""


@hookspec
def wganalyze_architectures() -> Iterable[type[Architecture]]:  # type: ignore[empty-body]
    """Architectures, named in a ``wganalyze.toml`` or recognised by keys and shapes: one instance, no arguments."""


@hookspec
def wganalyze_data() -> Iterable[type[DataSource]]:  # type: ignore[empty-body]
    """Data sources; ``--data NAME:ARGUMENT`` makes an instance of the one called NAME, with ARGUMENT."""


@hookspec
def wganalyze_embeddings() -> Iterable[type[Embedding]]:  # type: ignore[empty-body]
    """Spaces; ``--space NAME:ARGUMENT`` makes an instance of the one called NAME, with ARGUMENT."""


@hookspec
def wganalyze_claims() -> Iterable[type[Claim]]:  # type: ignore[empty-body]
    """Claims of the literature, which ``wganalyze claims`` puts to reports: one instance, without arguments."""
