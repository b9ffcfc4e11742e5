"""f-GAN (1606.00709): variational lower bounds of f-divergences, one line of a table for each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from wganalyze_zoo.losses.terms import Loss, Numbers, Potential


@dataclass(frozen=True)
class Divergence:
    """A line of tables 2 and 6: with T = g(v), the bound is E g(v(x)) - E (f* o g)(v(y)), in closed form.

    ``activation``: g, increasing, from the reals onto the domain of f*.
    ``conjugate``: f* o g, in which what would overflow in f*(g(v)) has cancelled.
    ``name``: of D_f, as the estimate is called.
    """

    name: str
    activation: Callable[[Tensor], Tensor]
    conjugate: Callable[[Tensor], Tensor]

    def bound(self, critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
        """E T(x) - E f*(T(y)), at most D_f(real | fake) (equation 4)."""
        return self.activation(critic(real)).mean() - self.conjugate(critic(fake)).mean()

    def critic(self, critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
        """The bound, turned round."""
        return -self.bound(critic, real, fake, numbers)

    def generator(self, critic: Potential, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
        """-E g(v(y)): the generator that does not saturate (section 3.2); for JS it is -log D."""
        return -self.activation(critic(fake)).mean()


LOG2 = math.log(2)

TABLE = {
    "fgan-kl": Divergence("KL(real|fake) in nats", lambda v: v, lambda v: (v - 1).exp()),
    "fgan-rkl": Divergence("KL(fake|real) in nats", lambda v: -(-v).exp(), lambda v: v - 1),
    "fgan-pearson": Divergence("Pearson chi^2", lambda v: v, lambda v: v.square() / 4 + v),
    "fgan-hellinger": Divergence("squared Hellinger", lambda v: 1 - (-v).exp(), lambda v: v.exp() - 1),
    "fgan-js": Divergence("2 JS in nats", lambda v: LOG2 - softplus(-v), lambda v: softplus(v) - LOG2),
}


def fgan(name: str) -> Loss:
    """The loss of a line of the table."""
    line = TABLE[name]
    return Loss(name, line.generator, line.critic, line.bound, line.name, logits=name == "fgan-js")
