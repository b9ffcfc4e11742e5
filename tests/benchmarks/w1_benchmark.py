"""The Wasserstein-1 benchmark (Korotin, Kolesov and Burnaev 2022, arXiv 2206.07767): its pairs, table and training.

The published training of WGAN-GP and WGAN-LP is that of ``notebooks/test_nd.ipynb`` and ``src/methods.py`` in
github.com/justkolesov/Wasserstein1Benchmark:

- an MLP D-h-h-1 with ReLU, h = max(2 D, 128), the initial weights of torch at seed 2, after those of another critic;
- 60,000 steps (40,000 at the first commit, whose stored output is a row of the published table) of Adam, rate 2e-4,
  betas (0, .9), each on 1,024 fresh samples of either side;
- E f(y) - E f(x) + 10 times the mean of (|grad f| - 1)^2, or of max(0, |grad f| - 1)^2, at t y + (1 - t) x with one t,
  uniform on [0, 1], for each pair of the batch;
- x is the moved side, y the uniform one; cost, cosine and squared distance of gradients are means over 4,096 samples.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from wganalyze_plugins.funnel import Funnel
from wganalyze_zoo.losses.wasserstein import critic_loss
from wganalyze_zoo.methods.constraints import CONSTRAINTS
from wganalyze_zoo.networks.mlp import mlp

STEPS, BATCH, RATE, BETAS, SEED = 60_000, 1024, 2e-4, (0.0, 0.9), 2
CONSTRAINT = {"wgan-gp": "gp", "wgan-lp": "lp"}
PUBLISHED_N = 4096
OURS_N = 2**16
"""Samples that our own numbers are means over."""


@dataclass(frozen=True)
class Row:
    """``cost``: E f(x) - E f(y); ``cos``, ``l2``: of grad f against the optimal potential's, at x.

    ``spread``: the standard deviation of the cost over samples of size 1.
    """

    cost: float
    cos: float
    l2: float
    spread: float = float("nan")


def pair(field: Path, dim: int, width: int) -> Funnel:
    """Moved and uniform side."""
    return Funnel(str(field / f"w1-benchmark/funnels/dim_{dim}/width_{width}/deg_8_seed_987.pt"))


def published(field: Path, dim: int, width: int) -> dict[str, Row]:
    """The table, by method."""
    with (field / f"w1-benchmark/published/dim_{dim}/width_{width}.csv").open() as file:
        return {row[""]: Row(*(float(row[key]) for key in ("cost", "cos", "l2"))) for row in csv.DictReader(file)}


def gradients(law: Funnel, x: Tensor) -> Tensor:
    """Of the optimal potential at x, (n, D), as published: in float32, by ``torch.cdist``.

    In the plane 12 to 17% of the moved points lie so near to a centre that its distance, by inner products, is 0, and
    so is the gradient: the published cosines are low by that part.
    """
    x = x.float().requires_grad_(True)
    centres, bias = (torch.from_numpy(values).float() for values in (law.centres, law.bias))
    lowest = (torch.cdist(x, centres, compute_mode="use_mm_for_euclid_dist") + bias).min(1).values
    return -torch.autograd.grad(lowest.sum(), x)[0]


def untrained(dim: int) -> dict[str, nn.Sequential]:
    """The critics as the published ones were before their first step: made in the notebook's order, at its seed."""
    hidden = max(2 * dim, 128)
    torch.manual_seed(SEED)
    critics = {method: mlp([dim, hidden, hidden, 1]) for method in ("wgan", *CONSTRAINT)}
    return {method: critics[method] for method in CONSTRAINT}


def trained(law: Funnel, steps: int = STEPS) -> dict[str, nn.Sequential]:
    """A critic by each of the two methods, on the same samples."""
    rng = np.random.default_rng(SEED)
    with torch.random.fork_rng(devices=[]):
        critics = untrained(law.shape[0])
        optimisers = {
            method: torch.optim.Adam(critic.parameters(), RATE, betas=BETAS) for method, critic in critics.items()
        }
        for _ in range(steps):
            x, y = (
                torch.from_numpy(side(BATCH, rng)).float() for side in (lambda n, r: law.paired(n, r)[0], law.uniform)
            )
            t = torch.rand(BATCH)
            for method, critic in critics.items():
                penalty = CONSTRAINTS[CONSTRAINT[method]].penalise(critic, x, y, t)
                optimisers[method].zero_grad()
                (critic_loss(critic, x, y, {}) + penalty).backward()  # type: ignore[no-untyped-call]
                optimisers[method].step()
    return critics


def measured(critic: nn.Module, law: Funnel, n: int = OURS_N) -> Row:
    """What the table says of a critic, on n samples of either side that it was not trained on."""
    rng = np.random.default_rng(9001)
    x, y = (torch.from_numpy(side).float() for side in (law.paired(n, rng)[0], law.uniform(n, rng)))
    with torch.no_grad():
        scores, others = critic(x).double(), critic(y).double()
    right = gradients(law, x)
    at = x.requires_grad_(True)
    found = torch.autograd.grad(critic(at).sum(), at)[0]
    return Row(
        float(scores.mean() - others.mean()),
        float(torch.cosine_similarity(right, found).mean()),
        float((right - found).square().sum(1).mean()),
        float((scores.var() + others.var()).sqrt()),
    )
