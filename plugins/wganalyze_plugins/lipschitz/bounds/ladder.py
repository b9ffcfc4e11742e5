"""The least of several upper bounds of a critic's Lipschitz constant, each with its certificate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from wganalyze_plugins.lipschitz.bounds import averaged, branching, regions, semidefinite
from wganalyze_plugins.lipschitz.bounds.chains import Chain, read_chain
from wganalyze_plugins.lipschitz.bounds.graphs import multipliers
from wganalyze_plugins.lipschitz.bounds.graphs.interconnection import read_interconnection
from wganalyze_plugins.lipschitz.bounds.products.product import QUICK, SYMBOL_WORK, UpperBound, product_bound
from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic
from wganalyze_plugins.lipschitz.bounds.sorts.reading import SortedChain, read_sorts
from wganalyze_plugins.lipschitz.lower import Deadline

EXACT = 1 + 1e-9
"""Rounding of an enumeration."""
DESCENT = "LipSDP by a descent without matrices"


@dataclass(frozen=True)
class Rung:
    """One upper bound: ``value`` (infinite where there is none, with its ``reason``), ``certificate`` and seconds.

    ``place``: where a bound that is exact is attained. ``domain``: where it holds, "" for everywhere.
    """

    method: str
    value: float
    certificate: str
    seconds: float
    reason: str = ""
    place: tuple[float, ...] | None = None
    domain: str = ""


@dataclass(frozen=True)
class Ladder:
    """``best``: the least of ``rungs``; ``product``: the first of them, with its factors."""

    product: UpperBound
    rungs: tuple[Rung, ...]

    @property
    def best(self) -> Rung:
        """The least bound."""
        return min(self.rungs, key=lambda rung: rung.value)


Step = Callable[[Deadline], Rung]


def climb(
    critic: TracedCritic,
    *,
    product_only: bool = False,
    seconds: float | None = None,
    box: Box | None = None,
    product: UpperBound | None = None,
) -> Ladder:
    """All rungs that a critic has; NoRule, with the reason, where it has not even a product bound.

    ``seconds``: after which no rung begins, and those that descend stop. ``box``: of slopes between points in it alone.
    ``product``: where it is there already.
    """
    until = Deadline(seconds)
    begun = time.perf_counter()
    product = product or product_bound(critic, QUICK if product_only else SYMBOL_WORK, box)
    rungs = [product_rung(product, time.perf_counter() - begun)]
    if product_only:
        return Ladder(product, (*rungs, Rung("other rungs", math.inf, "none", 0.0, "asked for the product alone")))
    chain = read_chain(critic, box)
    if isinstance(chain, str):
        rungs.append(Rung("rungs for chains", math.inf, "none", 0.0, chain))
    usable = isinstance(chain, str) or (math.isfinite(chain.factor) and chain.factor > 0)
    if not (usable and math.isfinite(product.value) and product.value > 0):
        return Ladder(product, tuple(rungs))
    for step in _steps(critic, chain, box):
        if until.is_over:
            break
        begun = time.perf_counter()
        rung = step(until)
        rungs.append(replace(rung, seconds=time.perf_counter() - begun))
        if rung.certificate == "exact":
            break
    return Ladder(product, tuple(rungs))


def product_rung(product: UpperBound, seconds: float) -> Rung:
    """The first rung."""
    method = f"product of norms along the graph, {len(product.stages)} factors"
    return Rung(method, product.value, product.certificate, seconds)


def _steps(critic: TracedCritic, chain: Chain | str, box: Box | None) -> list[Step]:
    """The bounds that a critic has beside the product, the fast ones first."""
    if isinstance(chain, str):
        ordered = read_sorts(critic)
        if isinstance(ordered, str) or not ordered.is_flat:
            return [lambda until: _descended(critic, None, until)]
        return [lambda until: _descended(critic, None, until), lambda until: _searched(ordered, box, until)]
    if not chain.slopes:
        return []
    everywhere = chain if box is None else read_chain(critic)
    inside: list[Step] = []
    if box is not None and not isinstance(everywhere, str) and branching.applies(critic, everywhere, box):
        inside = [lambda until: _branched(critic, everywhere, box, until)]
    if not semidefinite.fits(chain):
        # The descent takes slopes as they are everywhere, and these those of the box.
        there: list[Step] = [] if box is None else [lambda until: _scaled(chain, until)]
        return [lambda until: _descended(critic, chain, until), *there, *inside]
    exact: list[Step] = [lambda until: _exact(chain, until)] if regions.applies(chain) else []
    return [lambda until: _averaged(chain), *exact, lambda until: _semidefinite(chain, until), *inside]


def _averaged(chain: Chain) -> Rung:
    bracket = averaged.averaged_bound(chain)
    return Rung(bracket.method, bracket.upper, bracket.certificate, 0.0)


def _descended(critic: TracedCritic, chain: Chain | None, until: Deadline) -> Rung:
    """By multipliers for the whole graph; of chains that are too large for those, by scales of channels."""
    connection = read_interconnection(critic)
    found = connection if isinstance(connection, str) else multipliers.multiplier_bound(connection, until=until)
    if not isinstance(found, str):
        return Rung(f"{DESCENT}, {found.steps} steps", found.value, found.norm.certificate, 0.0)
    return Rung(DESCENT, math.inf, "none", 0.0, found) if chain is None else _scaled(chain, until)


def _scaled(chain: Chain, until: Deadline) -> Rung:
    bracket = averaged.averaged_bound(chain, averaged.balanced_scales(chain, until=until))
    return Rung(bracket.method, bracket.upper, bracket.certificate, 0.0)


def _exact(chain: Chain, until: Deadline) -> Rung:
    found = regions.exact_constant(chain, until)
    if isinstance(found, str):
        return Rung("enumeration of linear regions", math.inf, "none", 0.0, found)
    method = f"enumeration of {found.regions} linear regions"
    return Rung(method, found.value * EXACT, "exact", 0.0, place=found.place)


def _searched(chain: SortedChain, box: Box | None, until: Deadline) -> Rung:
    from wganalyze_plugins.lipschitz.bounds.sorts import search

    most = math.inf if until.is_set else search.affordable(chain)
    found = search.largest_gradient(chain, box, until, most)
    method = f"branch and bound over orders, {found.cells} cells"
    return Rung(method, found.upper, "exact" if found.is_exact else "checked", 0.0, place=found.place)


def _semidefinite(chain: Chain, until: Deadline) -> Rung:
    found = semidefinite.semidefinite_bound(chain, until=until)
    if isinstance(found, str):
        return Rung("LipSDP-Neuron", math.inf, "none", 0.0, found)
    return Rung(f"LipSDP-Neuron, {found.steps} steps", found.value, "checked", 0.0)


def _branched(critic: TracedCritic, chain: Chain, box: Box, until: Deadline) -> Rung:
    found = branching.branch_and_bound(critic, chain, box, until=until)
    method = f"branch and bound, {found.boxes} boxes"
    return Rung(method, found.upper, "checked", 0.0, place=found.place)
