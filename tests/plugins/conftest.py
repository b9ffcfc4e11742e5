"""Shared by the tests of the analyzers: studies of any source, generator and critic, and answers read by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from torch import nn

from wganalyze import DataSource, Finding, Latent, Measurement, Snapshot, testing
from wganalyze.cells.measuring import Outcome
from wganalyze.running.sizes import make_deal
from wganalyze.settings.facts import Said
from wganalyze.study.sharing import Cache
from wganalyze.study.study import SnapshotStudy


def ready(net: nn.Module) -> nn.Module:
    """As a loader gives it."""
    return net.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def study_of() -> Callable[..., SnapshotStudy]:
    """Makes a study of a source; where there is no generator, the other side of a pair takes its place.

    ``latent``: shape of the normal z that the generator eats; ``said``: what a user may say of data and sizes.
    """

    def make(
        source: DataSource,
        generator: nn.Module | None = None,
        *,
        critic: nn.Module | None = None,
        latent: tuple[int, ...] = (2,),
        shared: Cache | None = None,
        **said: Any,
    ) -> SnapshotStudy:
        snapshot = Snapshot(
            "snap",
            0,
            "step",
            (),
            make_generator=None if generator is None else lambda: ready(generator),
            make_critic=None if critic is None else lambda: ready(critic),
            latent=Latent("normal", latent),
        )
        deal = make_deal(source, cast(Said, said), snapshot)
        return SnapshotStudy(deal.marked(snapshot), deal, shared)

    return make


@pytest.fixture(scope="session")
def change() -> Callable[..., SnapshotStudy]:
    """Makes a study of the same samples with other facts of its snapshot, another critic for one."""

    def changed(study: SnapshotStudy, critic: nn.Module | None = None, **facts: Any) -> SnapshotStudy:
        if critic is not None:
            facts["make_critic"] = lambda: ready(critic)
        return SnapshotStudy(replace(study.snapshot, **facts), study.deal)

    return changed


@pytest.fixture(scope="session")
def ask() -> Callable[..., Outcome]:
    """Asks an analyzer, with options; ``status``: what has to become of it."""
    return testing.ask


@pytest.fixture(scope="session")
def rows() -> Callable[[Outcome], dict[str, Measurement]]:
    """The measurements of an outcome by metric, each once."""
    return testing.by_metric


@pytest.fixture(scope="session")
def values() -> Callable[[Outcome], dict[str, float]]:
    """The numbers of an outcome that are there, by metric."""
    return testing.numbers


@pytest.fixture(scope="session")
def findings() -> Callable[[Outcome], dict[str, Finding]]:
    """The findings of an outcome by code, each once."""

    def by_code(outcome: Outcome) -> dict[str, Finding]:
        coded = {finding.code: finding for finding in outcome.findings}
        assert len(coded) == len(outcome.findings)
        return coded

    return by_code
