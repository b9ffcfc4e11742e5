"""A method of training: a loss, constraints of its critic, and presets. A stranger's is made of the same parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

from wganalyze import UsageError
from wganalyze_zoo.losses import Loss, feature_matching
from wganalyze_zoo.methods.constraints import Constraint
from wganalyze_zoo.methods.presets import PLANE_WEIGHTS, TOY_WEIGHTS, Preset

PRESETS = ("toy", "published")

Fit = Callable[[Tensor, int, int], nn.Module]
"""(points (n, d), how many atoms, seed) to a generator."""


@dataclass(frozen=True)
class Method:
    """How a generator is trained.

    ``help``: what it is, in one line, and what it cannot do; ``source``: paper and equation or algorithm.
    ``toy``, ``published``: presets; without ``published`` there is but one. ``plane``: of toys in the plane, where
    those of images do not do.
    ``noise``: standard deviation of instance noise on both sides at the first step; it falls to 0 linearly.
    ``stratified``: are batches of reals drawn in the shares of their K-Means clusters?
    ``fit``: makes the generator in one go, in place of training.
    ``minibatch``: does the critic compare the samples of a batch?
    """

    name: str
    help: str
    loss: Loss
    toy: Preset
    published: Preset | None = None
    plane: Preset | None = None
    source: str = ""
    constraints: tuple[Constraint, ...] = ()
    noise: float = 0.0
    stratified: bool = False
    fit: Fit | None = None
    minibatch: bool = False

    def preset(self, name: str, dim: int) -> Preset:
        """The preset of that name for samples of ``dim`` coordinates."""
        if name not in PRESETS:
            raise UsageError(f"--preset {name}: choose {' or '.join(PRESETS)}")
        if name == "published":
            if self.published is None:
                raise UsageError(f"--preset published: {self.name} has none; leave it out")
            return self.published
        chosen = self.toy if dim > IN_PLANE or self.plane is None else self.plane
        weights = TOY_WEIGHTS if dim > IN_PLANE else PLANE_WEIGHTS
        return replace(chosen, weights={**weights, **chosen.weights})


IN_PLANE = 3
"""Samples of so few coordinates are toys in the plane."""


def combined(
    method: Method,
    *,
    loss: Loss | None = None,
    constraints: Sequence[Constraint] | None = None,
    features: bool = False,
    minibatch: bool = False,
    label_smoothing: float | None = None,
) -> Method:
    """Another loss, other constraints (None: its own), improved techniques (1606.03498); the name says what changed.

    UsageError names the option that the method has no place for.
    """
    if method.fit is not None and (loss or constraints or features or minibatch or label_smoothing is not None):
        raise UsageError(f"{method.name} is fitted, not trained: it takes no --loss, --constraint or other technique")
    chosen = loss or method.loss
    if chosen.critic is None:
        for flag, said in (("--constraint", constraints), ("--feature-matching", features)):
            if said:
                raise UsageError(f"{flag}: {chosen.name} has no critic; leave it out")
    if chosen.kind != "score" and minibatch:
        raise UsageError(f"--minibatch-discrimination: the critic of {chosen.name} does not classify; leave it out")
    kept = method.constraints if constraints is None else tuple(constraints)
    kept = kept if chosen.critic is not None else ()
    base = chosen.name if loss is not None or (constraints is not None and method.constraints) else method.name
    added = [constraint.name for constraint in kept] if base != method.name or constraints else []
    if label_smoothing is not None:
        if "real_label" not in chosen.numbers:
            raise UsageError(f"--label-smoothing {label_smoothing:g}: {chosen.name} takes none; gan does")
        if not 0.5 < label_smoothing <= 1:
            raise UsageError(
                f"--label-smoothing {label_smoothing:g}: the label of reals lies above .5, and at most at 1"
            )
        chosen = replace(chosen, numbers={**chosen.numbers, "real_label": label_smoothing})
        added.append("smoothed")
    if features:
        chosen = replace(chosen, generator=feature_matching)
        added.append("features")
    if minibatch:
        added.append("minibatch")
    return replace(
        method,
        name="+".join([base, *added]),
        loss=chosen,
        constraints=kept,
        minibatch=minibatch or method.minibatch,
    )
