"""The Kantorovich-Rubinstein dual of W1 (1701.07875, equation 2); a constraint keeps its critic Lipschitz."""

from __future__ import annotations

from torch import Tensor

from wganalyze_zoo.losses.terms import Loss, Numbers, Potential


def dual(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """E f(x) - E f(y): at most K W1 for a K-Lipschitz f."""
    return critic(real).mean() - critic(fake).mean()


def critic_loss(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """The dual, turned round."""
    return -dual(critic, real, fake, numbers)


def generator_loss(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """-E f(y) (1701.07875, algorithm 1)."""
    return -critic(fake).mean()


WGAN = Loss("wgan", generator_loss, critic_loss, dual, "W1")
