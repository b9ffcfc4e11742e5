"""Plugins are found, blocked and imported one at a time; a broken one is listed with its reason, and never fatal."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from wganalyze.contracts import hooks
from wganalyze.errors import UsageError
from wganalyze.host.checks import (
    DISTRIBUTION,
    GROUP,
    KINDS,
    PluginFault,
    check_entry_name,
    check_hooks,
    check_names,
    check_requirement,
    distribution_of,
    validate,
)
from wganalyze.host.former import class_of, former_addresses
from wganalyze.host.registry import Host, Plugin
from wganalyze.text import reason_of

ONCE = ("loader", "foreign", "architecture", "claim")
"""Kinds of which the host makes one instance each."""


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


def _load(entry: EntryPoint, manager: pluggy.PluginManager, host: Host, *, blocked: bool) -> Plugin:
    release = entry.dist.version if entry.dist is not None else ""
    whose = (entry.name, distribution_of(entry), release)
    if blocked:
        return Plugin(*whose, "blocked", "blocked by the user; not imported")
    start = time.perf_counter()
    try:
        check_requirement(entry)
        check_entry_name(entry, host)
        with former_addresses() as warnings:
            plugin = entry.load()
            check_hooks(plugin, manager)
            given = _collect(plugin, entry.name, manager, warnings)
        check_names(given, host, distribution_of(entry))
        made = {(kind, cls.name): cls() if kind in ONCE else cls for kind, cls in given}
    except PluginFault as fault:
        return Plugin(*whose, "failed", str(fault), seconds=time.perf_counter() - start)
    except (Exception, SystemExit) as error:
        reason = reason_of(error)
        return Plugin(*whose, "failed", reason, seconds=time.perf_counter() - start)
    for (kind, name), thing in made.items():
        host.shelf(kind)[name] = thing
    seconds = time.perf_counter() - start
    return Plugin(*whose, "ok", warning="; ".join(warnings), seconds=seconds, provides=(*made,))


def _collect(
    plugin: object, name: str, manager: pluggy.PluginManager, warnings: list[str]
) -> list[tuple[str, type[Any]]]:
    """The classes that this plugin's own implementations give, apart from everybody else's."""
    manager.register(plugin, name)
    try:
        given = []
        for hook, kind in KINDS.items():
            for implementation in getattr(manager.hook, hook).get_hookimpls():
                if implementation.plugin is plugin:
                    given += [(kind, *class_of(kind, thing)) for thing in implementation.function()]
        if not given:
            raise PluginFault(f"gives nothing; a plugin implements one of: {', '.join(KINDS)}")
        for kind, cls, warning in given:
            validate(kind, cls)
            warnings += [warning] if warning else []
        return [(kind, cls) for kind, cls, _ in given]
    finally:
        manager.unregister(name=name)
