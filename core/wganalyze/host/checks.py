"""What a plugin has to keep: requirements, names, hooks, and the contracts of what it gives."""

from __future__ import annotations

import inspect
import re
import typing
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import EntryPoint, version
from typing import Any

import pluggy
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wganalyze.contracts.analyzer import Analyzer
from wganalyze.contracts.architecture import Architecture, Proposer
from wganalyze.contracts.claim import Claim
from wganalyze.contracts.data import DataSource
from wganalyze.contracts.embedding import Embedding
from wganalyze.contracts.foreign import Foreign
from wganalyze.contracts.loader import Loader
from wganalyze.contracts.measurement import Metric, Table
from wganalyze.contracts.study import Need
from wganalyze.host.registry import Host
from wganalyze.text import reason_of

GROUP = "wganalyze"
DISTRIBUTION = "wganalyze"
KINDS: Mapping[str, str] = {
    "wganalyze_analyzers": "analyzer",
    "wganalyze_loaders": "loader",
    "wganalyze_foreign": "foreign",
    "wganalyze_architectures": "architecture",
    "wganalyze_data": "data",
    "wganalyze_embeddings": "embedding",
    "wganalyze_claims": "claim",
}
"""What each hook gives."""

BASES: Mapping[str, type[Any]] = {
    "analyzer": Analyzer,
    "loader": Loader,
    "foreign": Foreign,
    "architecture": Architecture,
    "data": DataSource,
    "embedding": Embedding,
    "claim": Claim,
}
"""The contract of each."""


_FILE_NAME = re.compile(r"[\w.-]+")
"""Names stand in options, in the plan of a report, and in the names of files."""


class PluginFault(Exception):
    """Why a plugin is left out."""


def distribution_of(entry: EntryPoint) -> str:
    """Name of the distribution that an entry point belongs to."""
    return entry.dist.name if entry.dist is not None else "unknown"


def check_requirement(entry: EntryPoint) -> None:
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


def check_entry_name(entry: EntryPoint, host: Host) -> None:
    """No two plugins of one name."""
    for other in host.plugins:
        if other.name == entry.name and other.status != "blocked":
            raise PluginFault(
                f"the plugin name {entry.name!r} is taken by {other.distribution}; "
                f"{distribution_of(entry)} needs another"
            )


def check_hooks(plugin: object, manager: pluggy.PluginManager) -> None:
    """Misspelt hooks: implementations of no specification, and ``wganalyze_*`` functions without the marker."""
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is not None and name not in KINDS and not options.get("optionalhook"):
            raise PluginFault(f"implements {name!r}, which is no hook; there are: {', '.join(KINDS)}")
        function = inspect.isfunction(getattr(plugin, name, None))
        if options is None and function and name.startswith("wganalyze_"):
            raise PluginFault(f"{name!r} lacks the marker @hookimpl of wganalyze")


def validate(kind: str, given: Any) -> None:
    """Is this a class that keeps the contract of its kind? PluginFault says why not."""
    base, name = BASES[kind], getattr(given, "name", None)
    if not isinstance(name, str) or not name:
        raise PluginFault(f"a {kind} has no name: {given!r}")
    if not _FILE_NAME.fullmatch(name):
        raise PluginFault(f"{kind}: the name {name!r} is none; write letters, digits, - and _")
    if not (isinstance(given, type) and issubclass(given, base)):
        raise PluginFault(f"{kind} {name!r} is not a subclass of {base.__name__}")
    if inspect.isabstract(given):
        lacking = ", ".join(sorted(vars(given)["__abstractmethods__"]))
        raise PluginFault(f"{kind} {given.__name__} does not define {lacking}")
    for method in (name for name in dir(base) if not name.startswith("_") and callable(getattr(base, name))):
        if not callable(getattr(given, method)):
            raise PluginFault(f"{kind} {name!r}: {method} is {getattr(given, method)!r}, which is no method")
    if issubclass(given, Loader) and not isinstance(given.folders, bool):
        raise PluginFault(f"loader {name!r}: folders is {given.folders!r}; say True or False")
    if issubclass(given, Architecture) and given.role not in (None, "generator", "critic"):
        raise PluginFault(f"architecture {name!r}: role is {given.role!r}; say 'generator', 'critic' or None")
    if issubclass(given, Proposer) and not isinstance(getattr(given, "factory", None), str):
        raise PluginFault(f"architecture {name!r} proposes readings and names no factory, as 'module:name'")
    if issubclass(given, Analyzer):
        _validate_analyzer(given)


def _validate_analyzer(analyzer: type[Analyzer]) -> None:
    name = analyzer.name
    parameters = getattr(analyzer.Options, "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        raise PluginFault(f"analyzer {name!r}: Options is not a frozen dataclass")
    try:
        typing.get_type_hints(analyzer.Options)
        analyzer.Options()
    except Exception as error:  # found now, it fails this plugin alone and not every run
        reason = reason_of(error)
        raise PluginFault(f"analyzer {name!r}: no Options from the defaults ({reason})") from error
    for attribute, declared in (("metrics", Metric), ("tables", Table), ("needs", Need)):
        strange = [item for item in getattr(analyzer, attribute) if not isinstance(item, declared)]
        if strange:
            raise PluginFault(f"analyzer {name!r}: {attribute} holds {strange[0]!r}, which is no {declared.__name__}")
    for table in analyzer.tables:
        if not _FILE_NAME.fullmatch(table.name):
            raise PluginFault(f"analyzer {name!r}: a table is called {table.name!r}; write letters, digits, - and _")
    twice = [metric for metric, count in Counter(m.name for m in analyzer.metrics).items() if count > 1]
    if twice:
        raise PluginFault(f"analyzer {name!r} declares a metric twice: {', '.join(sorted(twice))}")


def check_names(given: list[tuple[str, Any]], host: Host, distribution: str) -> None:
    """No two things of one kind and name."""
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
