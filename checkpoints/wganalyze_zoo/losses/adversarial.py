"""The losses of classifiers: GAN with its two generators, and the hinge. The score is the logit of D."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import softplus

from wganalyze_zoo.losses.terms import Loss, Numbers, Potential


def critic(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """-E log D(x) - E log(1 - D(y)) (1406.2661, equation 1).

    With ``real_label`` = t below 1 the first term is -t log D(x) - (1 - t) log(1 - D(x)): one-sided label smoothing
    (1606.03498, section 3.4).
    """
    at_real = critic(real)
    smoothed = softplus(-at_real) + (1 - numbers.get("real_label", 1.0)) * at_real
    return smoothed.mean() + softplus(critic(fake)).mean()


def non_saturating(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """-E log D(y) (1406.2661, section 3)."""
    return softplus(-critic(fake)).mean()


def saturating(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """E log(1 - D(y)) (1406.2661, equation 1)."""
    return -softplus(critic(fake)).mean()


def jensen_shannon(at: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """log 2 + (E log D(x) + E log(1 - D(y))) / 2: at most JS, in nats, and JS at the optimum (1406.2661, theorem 1)."""
    return math.log(2) - critic(at, real, fake, {}) / 2


def hinge(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """E max(0, 1 - f(x)) + E max(0, 1 + f(y)) (1802.05957, equation 16)."""
    return (1 - critic(real)).relu().mean() + (1 + critic(fake)).relu().mean()


def hinge_generator(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """-E f(y) (1802.05957, equation 17)."""
    return -critic(fake).mean()


def total_variation(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """1 - hinge / 2: at most the total variation, since the least hinge loss is 2 int min(p, q)."""
    return 1 - hinge(critic, real, fake, numbers) / 2


GAN = Loss("gan", non_saturating, critic, jensen_shannon, "JS in nats", logits=True, numbers={"real_label": 1.0})
SATURATING = Loss(
    "gan-saturating", saturating, critic, jensen_shannon, "JS in nats", logits=True, numbers={"real_label": 1.0}
)
HINGE = Loss("hinge", hinge_generator, hinge, total_variation, "total variation")
