"""Probes: small networks that learn to tell two samples apart, for variational bounds of divergences.

Trained on some samples, stopped early on others; whatever is claimed of them is measured on a third.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

if TYPE_CHECKING:
    from wganalyze import Points, Scores

Objective = Literal["logistic", "bounded"]
WIDTH = 128
WIDEST = 100
"""Dimension up to which an image is flat to a probe."""
BATCH = 128
RATE = 2e-3
STEPS, CONVOLUTION_STEPS = 1500, 400
"""At most; the latter of networks with convolutions."""
EARLY, OFTEN, SELDOM = 100, 10, 50
"""A look at the validation part every OFTEN steps up to EARLY of them, then every SELDOM."""
PATIENCE = 10
"""Looks without a gain, after which training ends."""
VALIDATION, MOST_VALIDATION = 0.2, 1000
"""Share of the samples, and the most of them, that training is stopped by."""
SCORED = 1024


@dataclass(frozen=True, eq=False)
class Probe:
    """A network in the units of the samples that it was trained on.

    ``steps``: of training, where it was best on its validation part; 0: it learnt nothing, and is 0 everywhere.
    """

    network: nn.Module
    shape: tuple[int, ...]
    centre: float
    scale: float
    device: str
    steps: int

    def __call__(self, points: Points) -> Scores:
        """T (n,), of points (n, d): a log-ratio of densities, or the value in [-1, 1] of a bounded probe."""
        with torch.no_grad():
            parts = [self.network(self.inputs(points[i : i + SCORED])) for i in range(0, len(points), SCORED)]
        return np.asarray(torch.cat(parts).reshape(-1).double().cpu().numpy())

    def inputs(self, points: Points) -> Tensor:
        """Points (n, d) as the network takes them."""
        values = torch.from_numpy(np.ascontiguousarray(points, np.float32)).to(self.device)
        return ((values - self.centre) / self.scale).reshape(-1, *self.shape)


def trained(
    x: Points,
    y: Points,
    shape: tuple[int, ...],
    objective: Objective = "logistic",
    *,
    seed: int,
    device: str = "cpu",
    steps: int = STEPS,
) -> Probe:
    """The probe that tells x (n, d) from y (m, d) best on a validation part of both; ``shape``: of one sample."""
    *_, last = training(x, y, shape, objective, seed=seed, device=device, steps=steps)
    return last


def training(
    x: Points,
    y: Points,
    shape: tuple[int, ...],
    objective: Objective = "logistic",
    *,
    seed: int,
    device: str = "cpu",
    steps: int = STEPS,
    at: tuple[int, ...] = (),
) -> Iterator[Probe]:
    """The probes as they were after ``at`` steps, as far as training came; the best one, by validation, is the last.

    Adam, batches of BATCH a side, a deterministic start at T = 0; torch's global random state stays as it was.
    """
    rng = np.random.default_rng([seed, 13])
    parts = [_parted(points, rng) for points in (x, y)]
    spread = np.concatenate([part[0] for part in parts])
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network, fed = _network(shape, objective)
    network = network.to(device)
    scale = float(spread.std()) or 1.0
    state = Probe(network, fed, float(spread.mean()), scale, device, 0)
    optimiser = torch.optim.Adam(network.parameters(), RATE, fused=True)
    (train_x, valid_x), (train_y, valid_y) = ([state.inputs(part) for part in pair] for pair in parts)
    best, least, worse = _frozen(state, 0), _validated(network, valid_x, valid_y, objective), 0
    last = min(steps, CONVOLUTION_STEPS) if len(fed) > 1 else steps
    for step in range(last + 1):
        if step in at:
            yield _frozen(state, step)
        if step and step % (OFTEN if step <= EARLY else SELDOM) == 0:
            loss = _validated(network, valid_x, valid_y, objective)
            if loss < least:
                best, least, worse = _frozen(state, step), loss, 0
            else:
                worse += 1
            if worse >= PATIENCE:
                break
        rows = [torch.from_numpy(rng.integers(0, len(side), BATCH)).to(device) for side in (train_x, train_y)]
        optimiser.zero_grad(set_to_none=True)
        with torch.enable_grad():
            torch.autograd.backward(loss_of(objective)(network(train_x[rows[0]]), network(train_y[rows[1]])))
        optimiser.step()
    yield best


def loss_of(objective: Objective) -> Callable[[Tensor, Tensor], Tensor]:
    """What a probe minimises, of its outputs on both samples.

    logistic: -E_p log sigmoid(T) - E_q log(1 - sigmoid(T)), least at T = log p / q (Goodfellow et al. 1406.2661);
    bounded: E_q f - E_p f, at least -2 TV for |f| <= 1.
    """

    def logistic(on_x: Tensor, on_y: Tensor) -> Tensor:
        return softplus(-on_x).mean() + softplus(on_y).mean()

    def bounded(on_x: Tensor, on_y: Tensor) -> Tensor:
        return on_y.mean() - on_x.mean()

    return logistic if objective == "logistic" else bounded


def _parted(points: Points, rng: np.random.Generator) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """A training part and a validation part."""
    order = rng.permutation(len(points))
    cut = max(1, min(MOST_VALIDATION, round(VALIDATION * len(points))))
    return points[order[cut:]], points[order[:cut]]


def _network(shape: tuple[int, ...], objective: Objective) -> tuple[nn.Module, tuple[int, ...]]:
    """A network whose output is 0 at first, and the shape that it takes."""
    dim, fed = math.prod(shape), shape
    if len(shape) == 3 and dim > WIDEST:
        channels, height, width = shape
        features = 64 * -(-height // 4) * -(-width // 4)
        layers: list[nn.Module] = [
            nn.Conv2d(channels, 32, 3, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, 3, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(features, 1),
        ]
    else:
        layers = [
            nn.Linear(dim, WIDTH),
            nn.LeakyReLU(0.2),
            nn.Linear(WIDTH, WIDTH),
            nn.LeakyReLU(0.2),
            nn.Linear(WIDTH, 1),
        ]
        fed = (dim,)
    head: Any = layers[-1]
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    if objective == "bounded":
        layers.append(nn.Tanh())
    return nn.Sequential(*layers), fed


def _validated(network: nn.Module, x: Tensor, y: Tensor, objective: Objective) -> float:
    with torch.no_grad():
        return float(loss_of(objective)(*(_in_parts(network, side) for side in (x, y))))


def _in_parts(network: nn.Module, points: Tensor) -> Tensor:
    return torch.cat([network(part) for part in torch.split(points, SCORED)])


def _frozen(probe: Probe, steps: int) -> Probe:
    network = copy.deepcopy(probe.network).eval().requires_grad_(False)
    return Probe(network, probe.shape, probe.centre, probe.scale, probe.device, steps)
