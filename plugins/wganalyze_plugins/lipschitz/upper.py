"""The upper end of a study's critic, for every analyzer that asks: its graph and its product are made once."""

from __future__ import annotations

from wganalyze import Need, NotMeasurable, Study
from wganalyze_plugins.lipschitz.bounds import averaged, semidefinite
from wganalyze_plugins.lipschitz.bounds.chains import read_chain
from wganalyze_plugins.lipschitz.bounds.ladder import Ladder, Rung, climb, product_rung
from wganalyze_plugins.lipschitz.bounds.products.product import UpperBound, product_bound
from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box
from wganalyze_plugins.lipschitz.bounds.reading.nodes import without_sigmoid
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic, trace


def traced_critic(study: Study) -> TracedCritic | str:
    """The critic's graph, a sigmoid at its end cut off; or why there is none."""
    return study.cached("lipschitz traced", lambda: _traced(study))


def upper_end(study: Study, *, product_only: bool, box: Box | None = None) -> Ladder | str:
    """The ladder of upper bounds, or why there is none; ``box``: of slopes between points in it alone."""
    traced = traced_critic(study)
    if isinstance(traced, str):
        return traced
    product = None if product_only or box is not None else _product(study)
    if isinstance(product, str):
        return product
    try:
        return climb(traced, product_only=product_only, box=box, product=product)
    except NotMeasurable as reason:
        return str(reason)


def quick_end(study: Study) -> Rung | str:
    """The least of the rungs that take milliseconds (a second for convolutions), or why there is none."""
    traced, product = traced_critic(study), _product(study)
    if isinstance(traced, str) or isinstance(product, str):
        return str(product)
    rung, chain = product_rung(product, 0.0), read_chain(traced)
    if isinstance(chain, str) or not chain.slopes or not semidefinite.fits(chain):
        return rung
    bracket = averaged.averaged_bound(chain)
    return min(rung, Rung(bracket.method, bracket.upper, bracket.certificate, 0.0), key=lambda each: each.value)


def _traced(study: Study) -> TracedCritic | str:
    if reason := study.lacks(Need.GRADIENT):
        return reason
    if study.head.is_conditional:
        return "a conditional critic: the bound of its layers has no rule for labels and conditions"
    try:
        traced = trace(study.critic, study.critic_shape, study.device)
    except NotMeasurable as error:
        return str(error)
    if not study.head.invert:
        return traced
    return without_sigmoid(traced) or "the final sigmoid is part of the critic's code and cannot be cut: no bound"


def _product(study: Study) -> UpperBound | str:
    return study.cached("lipschitz product", lambda: _multiplied(study))


def _multiplied(study: Study) -> UpperBound | str:
    traced = traced_critic(study)
    if isinstance(traced, str):
        return traced
    try:
        return product_bound(traced)
    except NotMeasurable as reason:
        return str(reason)
