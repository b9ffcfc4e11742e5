"""What keeps a critic smooth: clipping, spectral norm, penalties of its gradient; each goes with any loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wganalyze_zoo.losses import Potential


@dataclass(frozen=True)
class Constraint:
    """One of three things, done with the strength ``weight``.

    ``wrap``: changes the critic's layers before training.
    ``penalty``: of the norms (b,) of its gradient between real and fake, to one number for each; the critic's loss gets
    weight times their mean.
    ``after``: changes its weights after every step.
    ``inflates``: does the law of WGAN-GP hold, by which the slope between two points at distance W is
    1 + W / (2 weight)? Then the checkpoint states the weight as ``gradient_penalty``.
    """

    name: str
    help: str
    weight: float = 1.0
    wrap: Callable[[nn.Module], None] | None = None
    penalty: Callable[[Tensor], Tensor] | None = None
    after: Callable[[nn.Module, float], None] | None = None
    inflates: bool = False

    def penalise(self, critic: Potential, real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
        """The weighted penalty at alpha x + (1 - alpha) y, ``alpha`` (b,), one for each sample."""
        assert self.penalty is not None
        return self.weight * self.penalty(gradient_norms(critic, interpolates(real, fake, alpha))).mean()


def interpolates(real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
    """alpha x + (1 - alpha) y, (b, ...) (1704.00028, algorithm 1)."""
    alpha = alpha.reshape(-1, *(1 for _ in real.shape[1:]))
    return alpha * real + (1 - alpha) * fake


def gradient_norms(critic: Potential, at: Tensor) -> Tensor:
    """|grad f| at each sample, (b,), as a part of the graph."""
    at = at.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
    norms: Tensor = gradient.flatten(1).norm(dim=1)
    return norms


def clip(critic: nn.Module, bound: float) -> None:
    """Every weight into [-bound, bound] (1701.07875, algorithm 1)."""
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.clamp_(-bound, bound)


def normalise(critic: nn.Module) -> None:
    """Spectral norm on every layer, one power iteration at each forward (1802.05957, algorithm 1).

    Of the reshaped kernel, as published: the operator norm of a convolution may be larger.
    """
    for module in list(critic.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.utils.parametrizations.spectral_norm(module, n_power_iterations=1)


CONSTRAINTS = {
    constraint.name: constraint
    for constraint in (
        Constraint("clip", "weights in [-c, c] (1701.07875, algorithm 1)", 0.01, after=clip),
        Constraint(
            "gp", "(|grad f| - 1)^2 (1704.00028, equation 3)", 10.0, penalty=lambda n: (n - 1).square(), inflates=True
        ),
        Constraint(
            "lp",
            "max(0, |grad f| - 1)^2 (1709.08894)",
            10.0,
            penalty=lambda n: (n - 1).relu().square(),
            inflates=True,
        ),
        Constraint("div", "|grad f|^6 (1712.01026)", 2.0, penalty=lambda n: n.pow(6)),
        Constraint("zero", "|grad f|^2, zero-centred (1902.03984)", 1.0, penalty=lambda n: n.square()),
        Constraint("sn", "spectral norm of every layer (1802.05957)", wrap=normalise),
    )
}
"""By the names that ``--constraint`` knows, with the weights of their papers; presets have others for toys."""
