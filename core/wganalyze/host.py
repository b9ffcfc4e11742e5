"""Finds, blocks, loads and validates plugins; a broken one is listed with its reason, and never fatal."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points, version
from typing import Any, Literal

import pluggy
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wganalyze import hooks
from wganalyze.analyzer import Analyzer, Need
from wganalyze.data import DataSource
from wganalyze.errors import DataError, UsageError, WganalyzeError
from wganalyze.measurement import Metric, Table
from wganalyze.options import make_options
from wganalyze.snapshot import Architecture, Loader

GROUP = "wganalyze"
DISTRIBUTION = "wganalyze"
KINDS: Mapping[str, str] = {
    "wganalyze_analyzers": "analyzer",
    "wganalyze_loaders": "loader",
    "wganalyze_architectures": "architecture",
    "wganalyze_data": "data",
}


class PluginFault(Exception):
    """Why a plugin is left out."""


@dataclass(frozen=True)
class Plugin:
    """One entry point of the group and what became of it. ``provides``: (kind, name) of each object it gave."""

    name: str
    distribution: str
    version: str
    status: Literal["ok", "failed", "blocked"]
    reason: str = ""
    seconds: float = 0.0
    provides: tuple[tuple[str, str], ...] = ()


Layout = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass
class Host:
    """Every plugin seen, and the objects of the sound ones by name."""

    plugins: list[Plugin] = field(default_factory=list)
    analyzers: dict[str, type[Analyzer]] = field(default_factory=dict)
    loaders: dict[str, Loader] = field(default_factory=dict)
    architectures: dict[str, Architecture] = field(default_factory=dict)
    data: dict[str, type[DataSource]] = field(default_factory=dict)
    recognised: dict[Layout, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict, repr=False, compare=False)
    """What the architectures said of keys and shapes: the snapshots of a run share them."""

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

    def data_source(self, text: str) -> DataSource:
        """The source that ``NAME`` or ``NAME:ARGUMENT`` names; DataError where it cannot be made.

        WganalyzeError, with the reason, where its plugin was seen and left out.
        """
        name, _, argument = text.partition(":")
        fault = self.fault(name)
        if name not in self.data and fault is not None:
            raise WganalyzeError(f"--data {text}: {fault}")
        if name not in self.data:
            there = ", ".join(sorted(self.data))
            raise DataError(f"--data {text}: no data source is called {name!r}; there are: {there}")
        return self.data[name](argument)


def load_host(blocked: Iterable[str] = (), *, strict: bool | None = None) -> Host:
    """Load all plugins but the ``blocked`` ones (``WGANALYZE_NO_PLUGINS`` adds to them).

    With ``strict`` (default: ``WGANALYZE_STRICT=1``) the first fault raises UsageError.
    """
    listed = os.environ.get("WGANALYZE_NO_PLUGINS", "").split(",")
    names = {*blocked, *filter(None, map(str.strip, listed))}
    if strict is None:
        strict = os.environ.get("WGANALYZE_STRICT", "") not in ("", "0")
    manager = pluggy.PluginManager(hooks.NAMESPACE)
    manager.add_hookspecs(hooks)
    host = Host()
    for entry in sorted(entry_points(group=GROUP), key=_own_first):
        plugin = _load(entry, manager, host, blocked=entry.name in names)
        host.plugins.append(plugin)
        if strict and plugin.status == "failed":
            raise UsageError(
                f"plugin {plugin.name!r} of {plugin.distribution}: {plugin.reason} (WGANALYZE_STRICT is set)"
            )
    return host


def _own_first(entry: EntryPoint) -> tuple[bool, str, str]:
    return (distribution_of(entry) != DISTRIBUTION, distribution_of(entry), entry.name)


def distribution_of(entry: EntryPoint) -> str:
    """Name of the distribution that an entry point belongs to."""
    return entry.dist.name if entry.dist is not None else "unknown"


def _load(entry: EntryPoint, manager: pluggy.PluginManager, host: Host, *, blocked: bool) -> Plugin:
    release = entry.dist.version if entry.dist is not None else ""
    whose = (entry.name, distribution_of(entry), release)
    if blocked:
        return Plugin(*whose, "blocked", "blocked by the user; not imported")
    start = time.perf_counter()
    try:
        _check_requirement(entry)
        _check_entry_name(entry, host)
        plugin = entry.load()
        _check_hooks(plugin, manager)
        given = _collect(plugin, entry.name, manager)
        _check_names(given, host, distribution_of(entry))
    except PluginFault as fault:
        return Plugin(*whose, "failed", str(fault), time.perf_counter() - start)
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return Plugin(*whose, "failed", reason, time.perf_counter() - start)
    shelves: Mapping[str, dict[str, Any]] = {
        "analyzer": host.analyzers,
        "loader": host.loaders,
        "architecture": host.architectures,
        "data": host.data,
    }
    for kind, thing in given:
        shelves[kind][thing.name] = thing
    provides = tuple((kind, thing.name) for kind, thing in given)
    return Plugin(*whose, "ok", "", time.perf_counter() - start, provides)


def _check_requirement(entry: EntryPoint) -> None:
    """A distribution that requires another release of wganalyze is not imported."""
    if entry.dist is None or entry.dist.name == DISTRIBUTION:
        return
    for line in entry.dist.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        here = version(DISTRIBUTION)
        ours = canonicalize_name(requirement.name) == DISTRIBUTION
        if ours and applies and not requirement.specifier.contains(here, prereleases=True):
            raise PluginFault(f"requires {requirement}, this is wganalyze {here}")


def _check_entry_name(entry: EntryPoint, host: Host) -> None:
    for other in host.plugins:
        if other.name == entry.name and other.status != "blocked":
            raise PluginFault(
                f"the plugin name {entry.name!r} is taken by {other.distribution}; "
                f"{distribution_of(entry)} needs another"
            )


def _check_hooks(plugin: object, manager: pluggy.PluginManager) -> None:
    """Misspelt hooks: implementations of no specification, and ``wganalyze_*`` functions without the marker."""
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is not None and name not in KINDS and not options.get("optionalhook"):
            raise PluginFault(f"implements {name!r}, which is no hook; there are: {', '.join(KINDS)}")
        function = inspect.isfunction(getattr(plugin, name, None))
        if options is None and function and name.startswith("wganalyze_"):
            raise PluginFault(f"{name!r} lacks the marker @hookimpl of wganalyze.hooks")


def _collect(plugin: object, name: str, manager: pluggy.PluginManager) -> list[tuple[str, Any]]:
    """Call this plugin's own implementations, apart from everybody else's."""
    manager.register(plugin, name)
    try:
        given = []
        for hook, kind in KINDS.items():
            for implementation in getattr(manager.hook, hook).get_hookimpls():
                if implementation.plugin is plugin:
                    given += [(kind, thing) for thing in implementation.function()]
        if not given:
            raise PluginFault(f"gives nothing; a plugin implements one of: {', '.join(KINDS)}")
        for kind, thing in given:
            _validate(kind, thing)
        return given
    finally:
        manager.unregister(name=name)


def _validate(kind: str, thing: Any) -> None:
    if not isinstance(getattr(thing, "name", None), str) or not thing.name:
        raise PluginFault(f"a {kind} has no name: {thing!r}")
    base = {"analyzer": Analyzer, "data": DataSource}.get(kind)
    if base is not None:
        if not (isinstance(thing, type) and issubclass(thing, base)):
            raise PluginFault(f"{kind} {getattr(thing, 'name', thing)!r} is not a subclass of {base.__name__}")
        if inspect.isabstract(thing):
            lacking = ", ".join(sorted(thing.__abstractmethods__))
            raise PluginFault(f"{kind} {thing.__name__} does not define {lacking}")
    verbs = {"loader": ("sniff", "open"), "architecture": ("build", "recognise")}.get(kind, ())
    for verb in verbs:
        if not callable(getattr(thing, verb, None)):
            raise PluginFault(f"{kind} {thing.name!r} has no method {verb}()")
    if kind == "analyzer":
        parameters = getattr(thing.Options, "__dataclass_params__", None)
        if parameters is None or not parameters.frozen:
            raise PluginFault(f"analyzer {thing.name!r}: Options is not a frozen dataclass")
        try:
            make_options(thing, {})
        except Exception as error:  # found now, it fails this plugin alone and not every run
            reason = f"{type(error).__name__}: {error}"
            raise PluginFault(f"analyzer {thing.name!r}: no Options from the defaults ({reason})") from error
        for attribute, declared in (("metrics", Metric), ("tables", Table), ("needs", Need)):
            strange = [item for item in getattr(thing, attribute) if not isinstance(item, declared)]
            if strange:
                raise PluginFault(
                    f"analyzer {thing.name!r}: {attribute} holds {strange[0]!r}, which is no {declared.__name__}"
                )
        twice = {m.name for m in thing.metrics if sum(m.name == other.name for other in thing.metrics) > 1}
        if twice:
            raise PluginFault(f"analyzer {thing.name!r} declares a metric twice: {', '.join(sorted(twice))}")


def _check_names(given: list[tuple[str, Any]], host: Host, distribution: str) -> None:
    seen: set[tuple[str, str]] = set()
    for kind, thing in given:
        if (kind, thing.name) in seen:
            raise PluginFault(f"gives two objects of kind {kind} called {thing.name!r}")
        seen.add((kind, thing.name))
        for other in host.plugins:
            if (kind, thing.name) in other.provides:
                raise PluginFault(
                    f"the {kind} name {thing.name!r} is taken by {other.distribution}; {distribution} needs another"
                )
