"""The primal problem: batches are coupled optimally, and the generator moves along the coupling; no critic."""

from __future__ import annotations

import torch
from torch import Tensor

from wganalyze_zoo.losses.terms import Loss, Numbers, Potential
from wganalyze_zoo.losses.transform import paired


def coupled_distance(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """W1 of the batches: sum_ij pi_ij |x_i - y_j| under the optimal coupling pi, whose gradient is exact."""
    from wganalyze.transport import wasserstein

    plan = wasserstein(real.detach().flatten(1), fake.detach().flatten(1)).plan.tocoo()
    rows, columns, masses = (torch.from_numpy(array).to(real.device) for array in (plan.row, plan.col, plan.data))
    return (paired(real[rows.long()], fake[columns.long()]) * masses.to(real.dtype)).sum()


PRIMAL = Loss("primal", coupled_distance, estimate=coupled_distance, estimates="W1 of the batches", kind="none")
