"""Factories are imported before there is any work: one that is named wrongly is found at once."""

from __future__ import annotations

from collections.abc import Sequence

from wganalyze.contracts.terms import Role
from wganalyze.errors import TrustError, UsageError
from wganalyze.networks.draft import Draft
from wganalyze.networks.factories import import_factory
from wganalyze.settings.config import net_of
from wganalyze.settings.facts import Said

ROLES: tuple[Role, ...] = ("generator", "critic")


def check_factories(said: Said, snapshots: Sequence[Draft]) -> None:
    """UsageError where a factory that was named for all snapshots, or one of each of them, cannot be imported.

    Where folders name their own, and some are right, the cells of the others say what is wrong with theirs.
    """
    for role in ROLES:
        net = net_of(said, role)
        if net is not None and net.factory is not None and net.trusted:
            import_factory(net, f"--{role}")
    errors = [_error(snapshot) for snapshot in snapshots]
    first = next(iter(errors), None)
    if first is not None and None not in errors:
        raise first


def _error(snapshot: Draft) -> UsageError | None:
    for role, net in snapshot.nets.items():
        try:
            import_factory(net, f"--{role}")
        except UsageError as error:
            return error
        except TrustError:
            continue
    return None
