"""The bracket of a critic's Lipschitz constant, for code that has a critic and points, and no run."""

from __future__ import annotations

import contextlib
import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from wganalyze import NotMeasurable
from wganalyze_plugins.lipschitz import lower
from wganalyze_plugins.lipschitz.bounds import ladder
from wganalyze_plugins.lipschitz.bounds.reading.boxes import Box
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic, trace
from wganalyze_plugins.lipschitz.lower import Slope
from wganalyze_plugins.lipschitz.order import check
from wganalyze_plugins.lipschitz.slopes import flat

STARTS = 32
LONGER, STRIDE = 4, 0.2
"""The pairs that an ascent found are led on for so many times its steps, with strides of this size."""


@dataclass(frozen=True)
class Bracket:
    """``lower`` <= K <= ``upper``: K is the critic's Lipschitz constant, L2 on its input, in eval mode.

    ``upper`` is infinite where no rule bounds the critic, and ``reason`` says why. ``witness``: the two points,
    (2, *shape), float64, between which the slope ``lower`` was evaluated. ``methods``: of the lower and the upper end.
    ``certificate``: of the upper end, "exact", "checked", "probabilistic(delta)" or "none". ``box``: where both points
    of a slope lie; None: anywhere.
    """

    lower: float
    upper: float
    methods: tuple[str, str]
    certificate: str
    witness: Tensor | None
    rungs: tuple[ladder.Rung, ...] = ()
    reason: str = ""
    box: Box | None = None

    @property
    def ratio(self) -> float:
        """upper / lower; infinite where either end is unknown."""
        return self.upper / self.lower if self.lower else float("inf")


def bracket(
    critic: nn.Module,
    *,
    around: Tensor,
    steps: int = 60,
    seconds: float | None = None,
    domain: Literal["global", "box"] | Box = "global",
) -> Bracket:
    """Bracket the Lipschitz constant of ``critic``, (n, *shape) -> n scores.

    ``around``: (n, *shape), points at which the search of steep slopes begins. ``steps``: of each ascent. ``seconds``:
    for the search and for the bounds each, at most; none: what the steps take. ``domain``: where both points of a slope
    lie: anywhere, in the least box that holds ``around``, or in a box of your own. The critic is copied, not changed.
    BracketError where the two ends contradict each other, which is a fault of ours. ValueError for a box that is none.
    """
    net = copy.deepcopy(critic).eval().double().requires_grad_(False)
    x = around.detach().double()
    if domain == "box":
        domain = Box.around(x)
    box = domain.shaped(x.shape[1:]) if isinstance(domain, Box) else None
    score = lower.in_its_precision(flat(net), x[:STARTS])
    if box is not None:
        x, score = box.nearest(x), lower.Confined(score, box.nearest)
    traced: TracedCritic | None = None
    reason = ""
    try:
        traced = trace(net, tuple(x.shape[1:]), str(x.device))
        climbed = ladder.climb(traced, seconds=seconds, box=box)
    except NotMeasurable as error:
        climbed, reason = None, str(error)
    slopes = _slopes(net, score, x, traced, steps, lower.Deadline(seconds))
    if climbed is not None and climbed.best.place is not None:
        place = torch.tensor(climbed.best.place, dtype=torch.float64, device=x.device).reshape(1, *x.shape[1:])
        slopes.append(lower.steepest_slope(score, place, "the steepest linear region", lower.FINE))
    best = max(slopes, key=lambda slope: slope.value)
    if climbed is not None:
        check(best, climbed.best)
    top = ladder.Rung("none", float("inf"), "none", 0.0, reason) if climbed is None else climbed.best
    return Bracket(
        best.value,
        top.value,
        (best.method, top.method),
        top.certificate,
        None if best.ends is None else torch.stack(best.ends),
        () if climbed is None else climbed.rungs,
        reason,
        box,
    )


def _slopes(
    net: nn.Module, score: lower.Score, x: Tensor, traced: TracedCritic | None, steps: int, until: lower.Deadline
) -> list[Slope]:
    norms = lower.gradient_norms(score, x)[1]
    starts = x[norms.argsort(descending=True)[:STARTS]]
    found = [
        lower.steepest_slope(score, starts, "gradients at points"),
        lower.steepest_pair(score, x, x, "pairs of points"),
    ]
    ascents: list[tuple[float, Tensor]] = []
    for stride in lower.STRIDES:
        if until.is_over:
            return found
        _, (a, b) = lower.ascend_pairs(score, starts, steps, stride, until)
        found += [lower.steepest_of(score, a, b, "ascent on pairs")]
        ascents.append((found[-1].value, (a + b) / 2))
        found += [lower.steepest_slope(score, torch.cat([a, b]), "ascent on pairs")]
    middles = max(ascents, key=lambda ascent: ascent[0])[1]
    _, (a, b) = lower.ascend_pairs(score, middles, LONGER * steps, STRIDE, until)
    found += [lower.steepest_of(score, a, b, "ascent on pairs")]
    climbed = lower.hill_climb(score, starts, steps, until=until)
    found.append(lower.steepest_slope(score, climbed, "Gaussian climb"))
    if traced is not None and not until.is_over:
        smooth = [flat(lower.smoothed(traced.graph, beta)) for beta in lower.BETAS]
        with contextlib.suppress(RuntimeError):  # some layers have no second derivative
            ascended = lower.ascend(score, smooth, starts, steps, until)
            found.append(lower.steepest_slope(score, ascended, "ascent on a smoothed copy"))
    return found
