"""What critics maximise and generators minimise, each beside its equation, and training on from a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from wganalyze_plugins.dynamics.constraints import Constraint

ObjectiveName = Literal["logistic", "penalised", "c-transform"]
LossName = Literal["saturating", "non-saturating", "wasserstein"]
Loss = Callable[[Tensor], Tensor]
BETAS = (0.5, 0.9)
"""Of Adam, as in WGAN-GP (Gulrajani et al. 1704.00028, alg. 1)."""

GENERATOR_LOSSES: dict[LossName, Loss] = {
    "saturating": lambda scores: -softplus(scores).mean(),  # E log(1 - D), Goodfellow et al. 1406.2661, eq. 1
    "non-saturating": lambda scores: softplus(-scores).mean(),  # -E log D, the same, sec. 3
    "wasserstein": lambda scores: -scores.mean(),  # -E f, Arjovsky et al. 1701.07875, alg. 1
}
"""Of the scores T (n,) of generated samples, with D = sigmoid(T)."""


def logistic(critic: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """-V(D) = -E log D(x) - E log(1 - D(y)) of samples x, y (n, d), with D = sigmoid(T) (1406.2661, eq. 1)."""
    loss: Tensor = softplus(-critic(x)).mean() + softplus(critic(y)).mean()
    return loss


def penalised(critic: nn.Module, x: Tensor, y: Tensor, alpha: Tensor, constraint: Constraint) -> Tensor:
    """E f(y) - E f(x), and the constraint's penalty at alpha x + (1 - alpha) y, alpha (n, 1) (1704.00028, eq. 3)."""
    loss: Tensor = critic(y).mean() - critic(x).mean() + constraint.penalty(critic, x, y, alpha)
    return loss


def c_transform(critic: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """-(E f(x) + E f^c(y)), f^c(y) = min_i |x_i - y| - f(x_i), inside the batch (Mallasto et al. 1910.03875, eq. 6)."""
    on_x = critic(x)
    with torch.no_grad():
        distances = torch.cdist(x, y)
        nearest = (distances - on_x[:, None]).argmin(dim=0)
        matched = distances.gather(0, nearest[None])[0]
    dual: Tensor = on_x.mean() + (matched - on_x[nearest]).mean()
    return -dual


@dataclass(frozen=True)
class Schedule:
    """How a critic is trained on: batches of ``batch`` a side, Adam at ``rate``, seen after each of ``steps``.

    ``noise``: deviation of Gaussian noise on both sides. ``constraint``: of the penalised objective. ``is_over``: asked
    before every step, whether the time is up.
    """

    steps: Sequence[int]
    batch: int
    rate: float
    constraint: Constraint
    noise: float = 0.0
    is_over: Callable[[], bool] = lambda: False


def continued(
    critic: nn.Module, name: ObjectiveName, x: Tensor, y: Tensor, schedule: Schedule, draws: torch.Generator
) -> Iterator[int]:
    """Train ``critic`` in place on frozen samples x (n, d), y (m, d); yields each of the steps, in eval mode, on time.

    Where the time is up, the step that was reached is the last one. ``draws``: of batches, noise and interpolation, on
    the CPU.
    """
    optimiser = torch.optim.Adam(critic.parameters(), schedule.rate, BETAS, fused=True)
    done = 0
    for stop in schedule.steps:
        before = done
        critic.train()
        while done < stop and not schedule.is_over():
            real, fake = (_batch(side, schedule, draws) for side in (x, y))
            optimiser.zero_grad(set_to_none=True)
            if name == "logistic":
                loss = logistic(critic, real, fake)
            elif name == "penalised":
                alpha = torch.rand(schedule.batch, 1, generator=draws).to(x.device)
                loss = penalised(critic, real, fake, alpha, schedule.constraint)
            else:
                loss = c_transform(critic, real, fake)
            torch.autograd.backward(loss)
            optimiser.step()
            if name == "penalised":
                schedule.constraint.after(critic)
            done += 1
        critic.eval()
        if stop == 0 or done > before:
            yield done
        if done < stop:
            return


def noisy(points: Tensor, deviation: float, draws: torch.Generator) -> Tensor:
    """Instance noise (Sonderby et al. 1610.04490)."""
    return points if not deviation else points + deviation * torch.randn(points.shape, generator=draws).to(points)


def _batch(side: Tensor, schedule: Schedule, draws: torch.Generator) -> Tensor:
    rows = torch.randint(len(side), (schedule.batch,), generator=draws).to(side.device)
    return noisy(side[rows], schedule.noise, draws)
