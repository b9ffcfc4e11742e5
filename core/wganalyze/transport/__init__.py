"""Exact Wasserstein distances with certificates, dual bounds from a critic's scores, and the ground metrics."""

from wganalyze.transport.batch import Transports, wasserstein_batch
from wganalyze.transport.certificate import dual_value, feasible_potentials
from wganalyze.transport.costs.metrics import METRICS, Array, as_points, cost_blocks, cost_matrix, paired_cost
from wganalyze.transport.duality import (
    DualBounds,
    best_scaled_dual,
    c_transform_duals,
    dual_bounds,
    information,
    pair_slope,
    penalised_dual,
)
from wganalyze.transport.entropic import entropic_c_transform, entropic_c_transforms
from wganalyze.transport.exact import Transport, wasserstein
from wganalyze.transport.permutation import PermutationTest, permutation_pvalue, permutation_test

__all__ = [
    "METRICS",
    "Array",
    "DualBounds",
    "PermutationTest",
    "Transport",
    "Transports",
    "as_points",
    "best_scaled_dual",
    "c_transform_duals",
    "cost_blocks",
    "cost_matrix",
    "dual_bounds",
    "dual_value",
    "entropic_c_transform",
    "entropic_c_transforms",
    "feasible_potentials",
    "information",
    "pair_slope",
    "paired_cost",
    "penalised_dual",
    "permutation_pvalue",
    "permutation_test",
    "wasserstein",
    "wasserstein_batch",
]
