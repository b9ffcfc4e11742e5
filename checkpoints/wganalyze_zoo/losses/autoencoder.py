"""EBGAN and BEGAN: the critic is an autoencoder, and the energy of a sample, -score, its reconstruction error."""

from __future__ import annotations

from torch import Tensor

from wganalyze_zoo.losses.terms import Loss, Numbers, Potential


def ebgan_critic(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """E D(x) + E max(0, m - D(y)), D the energy and m the ``margin`` (1609.03126, equation 1)."""
    return -critic(real).mean() + (numbers["margin"] + critic(fake)).relu().mean()


def energy_of_fakes(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """E D(y) (1609.03126, equation 2; 1703.10717, section 3.4)."""
    return -critic(fake).mean()


def ebgan_estimate(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """1 - loss / m: at most the total variation, since the least loss is m int min(p, q) (1609.03126, theorem 1)."""
    return 1 - ebgan_critic(critic, real, fake, numbers) / numbers["margin"]


def began_critic(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """E L(x) - k E L(y) (1703.10717, section 3.4)."""
    return -critic(real).mean() + numbers["k"] * critic(fake).mean()


def began_estimate(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """|E L(x) - E L(y)|, a lower bound of W1 between the laws of the two errors (1703.10717, section 3.1)."""
    return (critic(real).mean() - critic(fake).mean()).abs()


def balance(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Numbers:
    """k + lambda_k (gamma L(x) - L(y)), kept in [0, 1], and the global measure L(x) + |gamma L(x) - L(y)|.

    1703.10717, section 3.4 and section 3.4.1.
    """
    at_real, at_fake = -float(critic(real).mean()), -float(critic(fake).mean())
    imbalance = numbers["gamma"] * at_real - at_fake
    k = min(max(numbers["k"] + numbers["lambda_k"] * imbalance, 0.0), 1.0)
    return {"k": k, "measure": at_real + abs(imbalance)}


EBGAN = Loss(
    "ebgan",
    energy_of_fakes,
    ebgan_critic,
    ebgan_estimate,
    "total variation",
    kind="autoencoder",
    numbers={"margin": 10.0},
)
BEGAN = Loss(
    "began",
    energy_of_fakes,
    began_critic,
    began_estimate,
    "W1 between reconstruction errors",
    kind="autoencoder",
    numbers={"gamma": 0.5, "lambda_k": 0.001, "k": 0.0, "measure": 0.0},
    update=balance,
)
