"""What keeps a critic of W1 smooth while it is trained on: the constraint of its own training, where that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wganalyze import Study

GP = "gp"
WEIGHT = 10.0
"""Of a gradient penalty, where nothing says another (Gulrajani et al. 1704.00028)."""
PENALTIES: Mapping[str, Callable[[Tensor], Tensor]] = {
    GP: lambda norms: (norms - 1).square(),  # 1704.00028, eq. 3
    "lp": lambda norms: (norms - 1).relu().square(),  # 1709.08894, eq. 8
    "div": lambda norms: norms.pow(6),  # 1712.01026, eq. 8
    "zero": lambda norms: norms.square(),  # 1801.04406, eq. 9
}
"""Of the norms (n,) of the critic's gradient between real and generated samples."""
CLIP = "clip"


@dataclass(frozen=True)
class Constraint:
    """``kind``: "gp", "lp", "div", "zero", or "clip". ``weight``: lambda, or the bound of the weights.

    ``own``: is it known to be that of the snapshot's training?
    """

    kind: str = GP
    weight: float = WEIGHT
    own: bool = False

    @classmethod
    def of(cls, study: Study, penalty: float | None = None) -> Constraint:
        """That of ``penalty``, else what the checkpoint says of its training, else a gradient penalty of 10."""
        if penalty is not None:
            return cls(GP, penalty, penalty == study.snapshot.penalty)
        facts = {name.rpartition(".")[2]: fact for name, fact in study.snapshot.facts.items()}
        for kind in str(facts.get("constraint", "")).split("+"):
            weight = facts.get(f"weight_{kind}")
            if kind in (*PENALTIES, CLIP) and isinstance(weight, int | float) and weight > 0:
                return cls(kind, float(weight), True)
        known = study.snapshot.penalty
        return cls(GP, known, True) if known else cls()

    def penalty(self, critic: nn.Module, x: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
        """The weighted penalty at alpha x + (1 - alpha) y, one for each sample, alpha (n, 1); 0 where there is none."""
        if self.kind == CLIP:
            return x.new_zeros(())
        between = (alpha * x + (1 - alpha) * y).detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        mean: Tensor = PENALTIES[self.kind](slope.flatten(1).norm(dim=1)).mean()
        return self.weight * mean

    def after(self, critic: nn.Module) -> None:
        """After each step: weights are clipped, where that is the constraint (1701.07875, alg. 1)."""
        if self.kind == CLIP:
            with torch.no_grad():
                for parameter in critic.parameters():
                    parameter.clamp_(-self.weight, self.weight)

    def __str__(self) -> str:
        whose = "the snapshot's own" if self.own else "not known to be the snapshot's"
        return f"{'weights clipped at' if self.kind == CLIP else f'{self.kind} penalty'} {self.weight:g}, {whose}"
