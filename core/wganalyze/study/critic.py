"""A critic made ready: scores and gradients."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from wganalyze.contracts.samples import Samples, Scores
from wganalyze.contracts.snapshot import Latent
from wganalyze.contracts.terms import Mode
from wganalyze.errors import CheckpointError
from wganalyze.networks.settling import settled
from wganalyze.study.calling import BATCH, batches_of, encoded, first_tensor, same_draws
from wganalyze.study.sigmoid import read_output
from wganalyze.text import one_line

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from wganalyze.contracts.snapshot import Snapshot
    from wganalyze.study.forms import Place

FAST = 128
"""Samples a batch that convolutions in float32 are fastest with on a CPU."""
HEAVY = 10**6
"""Parameters from which other networks take their time too."""
CHECKED = 32
"""Scores in float32 that are held against float64."""
NEAR = 1e-3
"""Of the spread of scores: how far one in float32 may be off."""


@dataclass(frozen=True, eq=False)
class ReadyCritic:
    """A critic made ready for analysis: float64, eval mode, a final sigmoid cut where that is proven safe.

    ``shape``: of one input; ``note``: what was cut or inverted; ``invert``: scores are probabilities to be inverted.
    """

    module: Module
    shape: tuple[int, ...]
    note: str
    output: Literal["score", "logit"]
    invert: bool
    assumptions: tuple[str, ...]
    device: str
    latent: Latent

    def inputs(self, samples: Samples, rows: slice) -> list[Any]:
        """The arguments of one call: points in the critic's shape, and labels for a conditional critic."""
        import torch

        if samples.dim != math.prod(self.shape):
            raise CheckpointError(
                f"the critic takes samples of shape {self.shape}, not {samples.shape}; "
                "use data of the size that it was trained on"
            )
        # A copy: some critics overwrite their input.
        points = torch.from_numpy(samples.points[rows]).to(self.device, torch.float64, copy=True)
        arguments: list[Any] = [points.reshape(-1, *self.shape)]
        if self.latent.classes and samples.labels is None:
            raise CheckpointError("a conditional critic needs labels, and the data have none; use data with labels")
        if self.latent.classes and samples.labels is not None:
            arguments.append(encoded(samples.labels[rows], self.latent, self.device, double=True))
        return arguments

    def scores(self, samples: Samples, mode: Mode, batch: int, *, single: bool = False) -> Scores:
        """(n,) float64; in train mode by a copy, so that no buffer changes, in batches of ``batch`` in order.

        ``single``: computed in float32, where that saves time, and CHECKED of them are near enough to float64.
        """
        if single and self._is_heavy and not self.invert:
            with suppress(RuntimeError, TypeError, ValueError):  # a program that takes float64 alone
                size = min(batch, FAST) if mode == "eval" and self.device == "cpu" else batch
                scores = self._scores(samples, mode, size, single=True)
                checked = np.linspace(0, len(samples) - 1, CHECKED).astype(int) if mode == "eval" else np.arange(batch)
                checked = np.unique(checked[checked < len(samples)])
                exact = self._scores(samples.take(checked), mode, batch, single=False)
                if np.isfinite(scores).all() and _is_near(scores[checked], exact):
                    return scores
        scores = self._scores(samples, mode, batch, single=False)
        if self.invert:
            if ((scores <= 0) | (scores >= 1)).any():
                raise CheckpointError("the critic's probabilities saturate at 0 or 1, so that they cannot be inverted")
            scores = np.log(scores) - np.log1p(-scores)
        if not np.isfinite(scores).all():
            raise CheckpointError("the critic yields NaN or infinity")
        return scores

    def _scores(self, samples: Samples, mode: Mode, batch: int, *, single: bool) -> Scores:
        import torch

        module = self._in(mode, single=single)
        with torch.no_grad(), same_draws(self.device):
            parts = [
                first_tensor(module(*self._arguments(samples, rows, single=single))).reshape(-1)
                for rows in batches_of(len(samples), batch)
            ]
        return np.asarray(torch.cat(parts).double().cpu().numpy())

    @property
    def _is_heavy(self) -> bool:
        """Does float64 cost more than it is worth, as in convolutions?"""
        parameters = list(self.module.parameters())
        return any(p.dim() > 2 for p in parameters) or sum(p.numel() for p in parameters) > HEAVY

    @cached_property
    def _single(self) -> Module:
        import torch

        module: Any = copy.deepcopy(self.module).float()
        return module.to(memory_format=torch.channels_last)  # type: ignore[no-any-return]

    def _in(self, mode: Mode, *, single: bool) -> Module:
        """The critic in a mode and a precision; one in train mode is a copy, whose buffers may change."""
        module = self._single if single else self.module
        return module if mode == "eval" else copy.deepcopy(module).train()

    def _arguments(self, samples: Samples, rows: slice, *, single: bool) -> list[Any]:
        import torch

        arguments = self.inputs(samples, rows)
        if single:
            arguments = [each.float() if each.is_floating_point() else each for each in arguments]
            if arguments[0].dim() == 4:
                arguments[0] = arguments[0].contiguous(memory_format=torch.channels_last)
        return arguments

    def gradient(self, samples: Samples, mode: Mode) -> npt.NDArray[np.float64]:
        """Gradient of the score with respect to its input, (n, d) float64, computed in float32 where that is finite."""
        batch = FAST if mode == "eval" and self.device == "cpu" else BATCH
        try:
            gradients = self._gradient(samples, mode, batch, single=True)
            if np.isfinite(gradients).all():
                return gradients
        except (RuntimeError, TypeError, ValueError):  # a program that takes float64 alone
            pass
        return self._gradient(samples, mode, batch, single=False)

    def _gradient(self, samples: Samples, mode: Mode, batch: int, *, single: bool) -> npt.NDArray[np.float64]:
        import torch

        module = self._in(mode, single=single)
        parts = []
        with torch.enable_grad(), same_draws(self.device):
            for rows in batches_of(len(samples), batch):
                points, *labels = self._arguments(samples, rows, single=single)
                points.requires_grad_(True)
                scores = first_tensor(module(points.clone(), *labels))
                if self.invert:
                    scores = torch.logit(scores)
                (slope,) = torch.autograd.grad(scores.sum(), points)
                parts.append(slope.reshape(len(slope), -1).double().cpu().numpy())
        return np.concatenate(parts)


def _is_near(scores: Scores, exact: Scores) -> bool:
    """Do float32 scores differ from exact ones by less than NEAR of their spread?"""
    return bool(np.abs(scores - exact).max() <= NEAR * exact.std())  # False for NaN


def prepare_critic(snapshot: Snapshot, candidates: list[tuple[int, ...]], device: str) -> ReadyCritic:
    """The critic of a snapshot, fitted to the samples: the first candidate shape that gives one score a sample."""
    import torch

    from wganalyze.study.forms import LabelsJoined, OneScore, tensors_of

    assert snapshot.critic is not None
    original = settled(snapshot.critic).double().to(device).eval()
    failures = []
    latents = [snapshot.latent, Latent()] if snapshot.latent.classes else [snapshot.latent]
    for latent, shape in ((latent, shape) for latent in latents for shape in candidates):
        probe = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)).double().to(device)
        arguments: list[Any] = [probe]
        if latent.classes:
            arguments.append(encoded(np.zeros(2, np.int64), latent, device, double=True))
        critic: Module = LabelsJoined(original) if latent.classes and latent.encoding == "concat" else original
        try:
            with torch.no_grad():
                outputs = dict(tensors_of(critic(*arguments)))
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            failures.append(f"{shape}: {one_line(error, 160)}")
            continue
        place = next((place for place, output in outputs.items() if output.numel() == 2), None)
        if place is None:
            first = next(iter(outputs.values()), None)
            failures.append(f"{shape}: {0 if first is None else first.numel() // 2} scores a sample")
            continue
        out = read_output(critic if not place else OneScore(critic, place), arguments, snapshot.output)
        guesses = [
            f"critic input reshaped to {shape}" if shape != candidates[0] else "",
            "the critic takes no labels" if latent is not snapshot.latent else "",
            _set_aside(outputs, place),
            out.assumption,
        ]
        return ReadyCritic(out.module, shape, out.note, out.kind, out.invert, (*filter(None, guesses),), device, latent)
    raise CheckpointError(
        f"{snapshot.label}: the critic does not take the samples ({'; '.join(dict.fromkeys(failures))}); "
        "use data of the size that it was trained on"
    )


def _set_aside(outputs: Mapping[Place, Tensor], chosen: Place) -> str:
    """Which outputs beside the score were left: the head of an auxiliary classifier, features."""
    others = [
        f"{'.'.join(map(str, place))} {tuple(out.shape[1:])}" for place, out in outputs.items() if place != chosen
    ]
    if not others:
        return ""
    return f"critic output {'.'.join(map(str, chosen))} taken as the score, set aside: {', '.join(others)}"
