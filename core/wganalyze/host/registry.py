"""Every plugin seen, and the objects of the sound ones by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from wganalyze.contracts.analyzer import Analyzer
from wganalyze.contracts.architecture import Architecture
from wganalyze.contracts.claim import Claim
from wganalyze.contracts.data import DataSource
from wganalyze.contracts.embedding import Embedding
from wganalyze.contracts.foreign import Foreign
from wganalyze.contracts.loader import Loader
from wganalyze.errors import DataError, UsageError, WganalyzeError
from wganalyze.text import reason_of

T = TypeVar("T")


@dataclass(frozen=True)
class Plugin:
    """One entry point of the group and what became of it.

    ``reason``: why it is not there. ``warning``: what its author should change, although it works.
    ``provides``: (kind, name) of each thing that it gave.
    """

    name: str
    distribution: str
    version: str
    status: Literal["ok", "failed", "blocked"]
    reason: str = ""
    warning: str = ""
    seconds: float = 0.0
    provides: tuple[tuple[str, str], ...] = ()


@dataclass
class Host:
    """Every plugin seen, and the objects of the sound ones by name."""

    plugins: list[Plugin] = field(default_factory=list)
    analyzers: dict[str, type[Analyzer]] = field(default_factory=dict)
    loaders: dict[str, Loader] = field(default_factory=dict)
    foreign: dict[str, Foreign] = field(default_factory=dict)
    architectures: dict[str, Architecture] = field(default_factory=dict)
    data: dict[str, type[DataSource]] = field(default_factory=dict)
    embeddings: dict[str, type[Embedding]] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)

    def shelf(self, kind: str) -> dict[str, Any]:
        """The objects of this kind by name."""
        shelves: dict[str, dict[str, Any]] = {
            "analyzer": self.analyzers,
            "loader": self.loaders,
            "foreign": self.foreign,
            "architecture": self.architectures,
            "data": self.data,
            "embedding": self.embeddings,
            "claim": self.claims,
        }
        return shelves[kind]

    def origin(self, kind: str, name: str) -> Plugin:
        """The plugin that gave the object of this kind and name."""
        return next(p for p in self.plugins if (kind, name) in p.provides)

    def fault(self, name: str) -> str | None:
        """Why the plugin called ``name`` is not there, if it was seen and left out."""
        for plugin in self.plugins:
            if plugin.name == name and plugin.status != "ok":
                return f"plugin {name!r} of {plugin.distribution} {plugin.status}: {plugin.reason}"
        return None

    def analyzer(self, name: str) -> type[Analyzer]:
        """The analyzer class called ``name``; UsageError names what there is."""
        if name not in self.analyzers:
            there = ", ".join(sorted(self.analyzers))
            raise UsageError(self.fault(name) or f"no analyzer is called {name!r}; there are: {there}")
        return self.analyzers[name]

    def loaders_for(self, name: str | None) -> Mapping[str, Loader]:
        """All loaders, or the one that --loader names; UsageError names what there is."""
        if name is None:
            return self.loaders
        fault = self.fault(name)
        if name not in self.loaders and fault is not None:
            raise WganalyzeError(f"--loader {name}: {fault}")
        if name not in self.loaders:
            raise UsageError(f"--loader {name}: no such loader; there are: {', '.join(sorted(self.loaders))}")
        return {name: self.loaders[name]}

    def data_source(self, text: str) -> DataSource:
        """The source that ``NAME`` or ``NAME:ARGUMENT`` names; DataError where it cannot be made.

        WganalyzeError, with the reason, where its plugin was seen and left out.
        """
        name = text.partition(":")[0]
        fault = self.fault(name)
        if name not in self.data and fault is not None:
            raise WganalyzeError(f"--data {text}: {fault}")
        if name not in self.data:
            there = ", ".join(sorted(self.data))
            hint = self._source_of_file(text)
            raise DataError(f"--data {text}: no data source is called {name!r}{hint}; there are: {there}")
        return self._made("data", self.data, "--data", text)

    def _source_of_file(self, text: str) -> str:
        """For a path in the place of a source: the source that is called as its name ends, if there is one."""
        kind = Path(text).suffix.removeprefix(".").lower()
        return f"; for a file say --data {kind}:{text}" if kind in self.data else ""

    def embedding(self, text: str) -> Embedding:
        """The embedding that ``NAME`` or ``NAME:ARGUMENT`` names, which is there; DataError where it cannot be made."""
        return self._made("embedding", self.embeddings, "--space", text)

    def _made(self, kind: str, shelf: Mapping[str, Callable[[str], T]], option: str, text: str) -> T:
        name, _, argument = text.partition(":")
        try:
            return shelf[name](argument)
        except WganalyzeError:
            raise
        except (Exception, SystemExit) as error:
            plugin = self.origin(kind, name)
            reason = reason_of(error)
            raise DataError(
                f"{option} {text}: the plugin {plugin.name} of {plugin.distribution} failed ({reason})"
            ) from error
