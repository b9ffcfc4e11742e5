"""Least-squares GAN (1611.04076, equation 9: labels 0 and 1) as a method of the zoo, in a package of its own."""

from torch import Tensor

from wganalyze_zoo import Method, Optimiser, Preset
from wganalyze_zoo.losses import Loss, Numbers, Potential


def critic_loss(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """E (f(x) - 1)^2 / 2 + E f(y)^2 / 2."""
    return (critic(real) - 1).square().mean() / 2 + critic(fake).square().mean() / 2


def generator_loss(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """E (f(y) - 1)^2 / 2."""
    return (critic(fake) - 1).square().mean() / 2


def pearson(critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """1 / 2 - 2 loss: half of chi^2 between p + q and 2 q, at most (equation 8 and the least critic's loss)."""
    return 0.5 - 2 * critic_loss(critic, real, fake, numbers)


adam = Optimiser(5e-4, (0.5, 0.999))
lsgan = Method(
    name="lsgan",
    help="least squares on labels 0 and 1",
    source="1611.04076, equation 9",
    loss=Loss("lsgan", generator_loss, critic_loss, pearson, "overlap"),
    toy=Preset(adam, adam, batch_norm=True),
)
