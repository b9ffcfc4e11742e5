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

if TYPE_CHECKING:
    from torch.nn import Module

    from wganalyze.contracts.snapshot import Snapshot

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
    ``conditions``: the names of those that it takes, in order. ``packed``: samples that are one input together.
    """

    module: Module
    shape: tuple[int, ...]
    note: str
    output: Literal["score", "logit"]
    invert: bool
    assumptions: tuple[str, ...]
    device: str
    latent: Latent
    conditions: tuple[str, ...] = ()
    packed: int = 1

    @property
    def is_conditional(self) -> bool:
        """Does its score depend on labels or conditions beside the sample?"""
        return bool(self.latent.classes or self.conditions)

    def inputs(self, samples: Samples, rows: slice) -> list[Any]:
        """The arguments of one call: points in the critic's shape, and labels for a conditional critic."""
        import torch

        if samples.dim != math.prod(self.shape):
            raise CheckpointError(
                f"the critic takes samples of shape {self.shape}, not {samples.shape}: "
                "say other --data, or another --critic"
            )
        # A copy: some critics overwrite their input.
        points = torch.from_numpy(samples.points[rows]).to(self.device, torch.float64, copy=True)
        arguments: list[Any] = [points.reshape(-1, *self.shape)]
        if self.latent.classes and samples.labels is None:
            raise CheckpointError("a conditional critic needs labels, and the data have none; use data with labels")
        if self.latent.classes and samples.labels is not None:
            arguments.append(encoded(samples.labels[rows], self.latent, self.device, double=True))
        for name in self.conditions:
            if name not in samples.conditions:
                raise CheckpointError(
                    f"the critic takes the condition {name or '(unnamed)'}, and these samples have none: name one for "
                    "the reals, and a generator that is given it (stored samples have no conditions)"
                )
            condition = torch.from_numpy(samples.conditions[name][rows])
            arguments.append(condition.to(self.device, torch.float64))
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


def prepare_critic(
    snapshot: Snapshot,
    candidates: list[tuple[int, ...]],
    device: str,
    conditions: Mapping[str, tuple[int, ...]] | None = None,
) -> ReadyCritic:
    """The critic of a snapshot, fitted to the samples: the first candidate shape that gives one score a sample.

    ``conditions``: shapes of those that there are, by name. CheckpointError, with what was met, where none does.
    """
    from wganalyze.study.answers import Reduced, Scores
    from wganalyze.study.fitting import fit_critic
    from wganalyze.study.forms import OneScore

    assert snapshot.critic is not None
    original = settled(snapshot.critic).double().to(device).eval()
    fit = fit_critic(original, snapshot, candidates, device, conditions)
    places, how = fit.reading.places, fit.reading.how
    critic: Module = Scores(fit.net, places) if how else OneScore(fit.net, places[0]) if places[0] else fit.net
    out = read_output(critic, fit.arguments, snapshot.output)
    module, invert = out.module, out.invert
    if how is not None:
        sizes = tuple(math.prod(shape) for shape in fit.reading.shapes)
        module, invert = Reduced(module, sizes, how, inverts=invert), False
    named = [name or "the condition" for name in conditions or {} if name not in dict(fit.conditions)]
    guesses = [
        f"critic input reshaped to {fit.shape}" if fit.packed == 1 and fit.shape != candidates[0] else "",
        "the critic takes no labels" if fit.latent is not snapshot.latent else "",
        f"the critic takes no condition {', '.join(named)}" if named else "",
        *fit.assumptions,
        fit.reading.assumption,
        out.assumption,
    ]
    return ReadyCritic(
        module,
        fit.shape,
        "; ".join(filter(None, (out.note, fit.reading.note))),
        out.kind,
        invert,
        (*filter(None, guesses),),
        device,
        fit.latent,
        tuple(name for name, _ in fit.conditions),
        fit.packed,
    )
