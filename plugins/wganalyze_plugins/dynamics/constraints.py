"""What keeps a critic of W1 smooth while it is trained on: the constraint of its own training, where that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
CLIP, SN = "clip", "sn"


@dataclass(frozen=True)
class Constraint:
    """``parts``: kinds with their weights: "gp", "lp", "div", "zero" (lambda), "clip" (the bound of the weights).

    None for spectral norm, which lies in the network itself. ``own``: are they known to be those of its training?
    ``spectral``: is spectral norm one of them?
    """

    parts: tuple[tuple[str, float], ...] = ((GP, WEIGHT),)
    own: bool = False
    spectral: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, study: Study, penalty: float | None = None) -> Constraint:
        """That of ``penalty``, else what the checkpoint says of its training, else a gradient penalty of 10."""
        if penalty is not None:
            trained = cls.of(study)
            return trained if trained.own and trained.parts == ((GP, penalty),) else cls(((GP, penalty),))
        facts = {name.rpartition(".")[2]: fact for name, fact in study.snapshot.facts.items()}
        kinds = str(facts.get("constraint", "")).split("+")
        weights = {kind: facts.get(f"weight_{kind}") for kind in kinds if kind in (*PENALTIES, CLIP)}
        parts = [(kind, float(weight)) for kind, weight in weights.items() if isinstance(weight, int | float)]
        if (parts or SN in kinds) and len(parts) == len(weights):
            return cls((*parts,), True, SN in kinds)
        known = study.snapshot.penalty
        return cls(((GP, known),), True) if known else cls()

    def in_force(self, study: Study) -> Constraint:
        """The same where the study's critic can be kept by it; else a gradient penalty of 10, or its penalties alone.

        Spectral norm cannot, where it was folded into the weights, so that no layer has it any more.
        """
        if not self.spectral or any(map(_is_normalised, study.critic.modules())):
            return self
        return Constraint(self.parts) if self.parts else Constraint()

    def penalty(self, critic: nn.Module, x: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
        """The weighted penalties at alpha x + (1 - alpha) y, alpha (n, 1), one for each sample; 0 without any."""
        penalties = [(PENALTIES[kind], weight) for kind, weight in self.parts if kind in PENALTIES]
        if not penalties:
            return x.new_zeros(())
        between = (alpha * x + (1 - alpha) * y).detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        norms = slope.flatten(1).norm(dim=1)
        return torch.stack([weight * penalty(norms).mean() for penalty, weight in penalties]).sum()

    def after(self, critic: nn.Module) -> None:
        """After each step: weights are clipped, where that is a constraint (1701.07875, alg. 1)."""
        for kind, bound in self.parts:
            if kind == CLIP:
                with torch.no_grad():
                    for parameter in critic.parameters():
                        parameter.clamp_(-bound, bound)

    def __str__(self) -> str:
        named = [f"weights clipped at {w:g}" if kind == CLIP else f"{kind} penalty {w:g}" for kind, w in self.parts]
        whose = "the snapshot's own" if self.own else "not known to be the snapshot's"
        return f"{' and '.join(named) or 'spectral norm'}, {whose}"


def _is_normalised(module: nn.Module) -> bool:
    """Does it normalise a weight by its spectrum: a parametrization, a hook of old, a layer of somebody's own?"""
    named = [type(each).__name__ for each in (module, *getattr(module, "_forward_pre_hooks", {}).values())]
    return any("spectral" in name.lower() for name in named)
