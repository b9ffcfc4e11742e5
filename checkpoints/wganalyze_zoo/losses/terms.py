"""What a loss is: what the critic minimises, what the generator minimises, and what the method claims to estimate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

Potential = Callable[[Tensor], Tensor]
"""A critic: samples (b, ...) to scores (b, 1), high for real ones."""

Numbers = Mapping[str, float]
"""Plain numbers that a loss depends on: its constants, and a state that training moves (the k of BEGAN)."""

LossFunction = Callable[[Potential, Tensor, Tensor, Numbers], Tensor]
"""(critic, real, fake, numbers) to a scalar; ``real`` and ``fake``: (b, ...), batches of one size."""

Update = Callable[[Potential, Tensor, Tensor, Numbers], Numbers]
"""The same, to the numbers that a step of training changed."""

Kind = Literal["score", "autoencoder", "none"]


@dataclass(frozen=True)
class Loss:
    """The two sides of a game.

    ``critic``, ``generator``: what each minimises; no ``critic``: there is none.
    ``estimate``: what the method itself claims of the distance between the laws, and ``estimates`` what that is.
    ``kind``: of network that gives the scores.
    ``logits``: is the score the logit of being real?
    ``numbers``: constants of the loss, and the state that ``update`` moves after each step of the generator.
    """

    name: str
    generator: LossFunction
    critic: LossFunction | None = None
    estimate: LossFunction | None = None
    estimates: str = ""
    kind: Kind = "score"
    logits: bool = False
    numbers: Numbers = field(default_factory=dict[str, float])
    update: Update | None = None


def feature_matching(critic: Any, real: Tensor, fake: Tensor, numbers: Numbers) -> Tensor:
    """|E f(x) - E f(y)|^2 for the critic's features f (1606.03498, section 3.1); for the generator of any loss."""
    gap: Tensor = critic.features(real).mean(0) - critic.features(fake).mean(0)
    return gap.square().sum()
