"""Duals whose second potential is computed instead of constrained: c-transform, (c,eps)-transform, CoWGAN.

The ground metric c is Euclidean on flattened samples. Gradients pass through matched pairs only: a minimum is first
found without gradient, so that the graph holds b distances and not b^2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from wganalyze_zoo.losses.terms import Loss, Numbers, Potential
from wganalyze_zoo.losses.wasserstein import generator_loss as minus_critic


def distances(x: Tensor, y: Tensor) -> Tensor:
    """(b, ...) and (m, ...) -> (b, m), Euclidean, by differences, which near pairs need."""
    matrix: Tensor = torch.cdist(x.flatten(1), y.flatten(1), compute_mode="donot_use_mm_for_euclid_dist")
    return matrix


def paired(x: Tensor, y: Tensor) -> Tensor:
    """(b, ...) and (b, ...) -> (b,)."""
    lengths: Tensor = (x - y).flatten(1).norm(dim=1)
    return lengths


def c_transform(values: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """f^c(y_j) = min_i c(x_i, y_j) - f(x_i), (m,), for the ``values`` (b,) of f at x (1910.03875)."""
    with torch.no_grad():
        nearest = (distances(x, y) - values[:, None]).argmin(0)
    return paired(x[nearest], y) - values[nearest]


def soft_transform(values: Tensor, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """f^{c,eps}(y_j) = -eps log mean_i exp((f(x_i) - c(x_i, y_j)) / eps), (m,) (1910.03875).

    Between f^c and f^c + eps log b.
    """
    exponents = (values[:, None] - distances(x, y)) / eps
    return -eps * (torch.logsumexp(exponents, 0) - math.log(len(x)))


def c_dual(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """E f(x) + E f^c(y): at most W1 of the batches, for any f."""
    values = critic(real)[:, 0]
    return values.mean() + c_transform(values, real, fake).mean()


def c_critic(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """The dual, turned round."""
    return -c_dual(critic, real, fake, numbers)


def c_generator(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """E f^c(y): the generator descends the same dual; -E f(y) diverges, as nothing bounds f off the reals."""
    with torch.no_grad():
        values = critic(real)[:, 0]
    return c_transform(values, real, fake).mean()


def soft_dual(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """E f(x) + E f^{c,eps}(y): at most the entropic cost, which is no lower bound of W1."""
    values = critic(real)[:, 0]
    return values.mean() + soft_transform(values, real, fake, numbers["eps"]).mean()


def soft_critic(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """The dual, turned round."""
    return -soft_dual(critic, real, fake, numbers)


def soft_generator(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """E f^{c,eps}(y)."""
    with torch.no_grad():
        values = critic(real)[:, 0]
    return soft_transform(values, real, fake, numbers["eps"]).mean()


def cowgan_dual(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """One of three duals that agree for a c-concave f: the first c-dual below the raw one, else the raw one.

    L1 = E f(x) - E f(y); L2 = E f(x) + E f^c(y); L3 = E (-f)^c(x) - E f(y). L2 if L2 < L1, else L3 if L3 < L1, else L1:
    where f is not c-concave on the batch, the bound that it violates is ascended (2110.14150).
    """
    at_real, at_fake = critic(real)[:, 0], critic(fake)[:, 0]
    raw = at_real.mean() - at_fake.mean()
    from_real = at_real.mean() + c_transform(at_real, real, fake).mean()
    if from_real < raw:
        return from_real
    from_fake = c_transform(-at_fake, fake, real).mean() - at_fake.mean()
    return from_fake if from_fake < raw else raw


def cowgan_critic(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """The chosen dual, turned round."""
    return -cowgan_dual(critic, real, fake, numbers)


C_TRANSFORM = Loss("wgan-c", c_generator, c_critic, c_dual, "W1 of the batches")
SOFT_TRANSFORM = Loss(
    "wgan-ceps", soft_generator, soft_critic, soft_dual, "entropic W1 of the batches", numbers={"eps": 1.0}
)
COWGAN = Loss("cowgan", minus_critic, cowgan_critic, cowgan_dual, "W1 of the batches")
