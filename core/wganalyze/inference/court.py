"""Readings of one network: a plugin proposes them for keys and shapes, measures on data tell them apart."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from wganalyze.contracts.architecture import Architecture, Proposer, Shapes
from wganalyze.contracts.network import notes_of
from wganalyze.contracts.samples import Points
from wganalyze.contracts.terms import Role
from wganalyze.inference.evidence import MARGIN, Evidence
from wganalyze.networks.building import load_strict
from wganalyze.networks.piece import Piece
from wganalyze.text import reason_of

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

Measure = Callable[["Module", int], "Evidence | None"]
"""Evidence about a network from so many samples; None where it tells nothing."""

FEW, SOME, MANY = 32, 512, 2048
KEPT = 12
SETTLED = 1000
"""While weights still move one way, statistics lag behind them, and that can look like another activation."""


class Refusal(Exception):
    """Why no reading was chosen."""


@dataclass(eq=False)
class Trial:
    """A reading that gives what its role should; ``outputs`` on a few inputs tell its function from another's."""

    proposer: Proposer
    arguments: Mapping[str, Any]
    text: str
    outputs: Points
    order: int = 0
    """The most usual reading has the lowest."""
    evidence: Evidence | None = None

    @property
    def option(self) -> str:
        """The factory that builds it, as --generator and --critic take it."""
        listed = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.proposer.factory}({listed})".replace("'", '"')

    @property
    def is_foil(self) -> bool:
        """Is it never to be chosen?"""
        return self.proposer.is_foil(self.arguments)

    def equals(self, other: Trial) -> bool:
        """Is it the same function, as far as the outputs tell?"""
        return np.allclose(self.outputs, other.outputs, rtol=1e-4, atol=1e-4 * float(other.outputs.std()))


@dataclass
class Court:
    """Where the readings of one network compete. ``measures``: what tells them apart, by name, the strongest first."""

    piece: Piece
    role: Role
    architectures: Mapping[str, Architecture]
    sample_shape: tuple[int, ...]
    probe: Tensor
    measures: Mapping[str, Measure]
    next_best: float | None = None

    @cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """The weights; CheckpointError where they cannot be used."""
        return self.piece.tensors()

    @cached_property
    def shapes(self) -> Shapes:
        """Their keys and shapes."""
        return {key: tuple(spec.shape) for key, spec in self.piece.plain_keys.items()}

    def decide(self) -> tuple[Trial, str]:
        """The reading that counts, and why it does; Refusal where none does."""
        batches = [int(t) for key, t in self.tensors.items() if key.endswith("num_batches_tracked")]
        if batches and min(batches) < SETTLED:
            raise Refusal(f"its BatchNorm saw {min(batches)} batches; below {SETTLED}, what it stored lags behind")
        trials, grounds = self.search(), ""
        for name, measure in self.measures.items():
            ranked = self.ranked(trials, measure, MANY)
            if ranked is None or (grounds and not _evidence(ranked[0]).is_good):
                continue
            best, trials = _evidence(ranked[0]), ranked
            grounds = f"{name} (error {best.error:.2g}{f', next best {self.next_best:.2g}' if self.next_best else ''})"
            if not best.is_good:
                raise Refusal(f"no usual reading fits; the nearest is {trials[0].text}, by {grounds}")
            if trials[0].is_foil and len(trials) == 1:
                raise Refusal(f"an unusual reading fits best: {trials[0].text}, by {grounds}; say it if it is meant")
            if len(trials) == 1:
                return trials[0], f"chosen by {grounds}"
        if len(trials) == 1:
            return trials[0], "its sizes allow no other usual reading"
        usual = sorted(trials, key=lambda trial: (trial.is_foil, trial.order))[:2]
        ways = " or ".join(f"{t.text}: --{self.role} {shlex.quote(t.option)}" for t in usual)
        by = f", by {grounds}" if grounds else ""
        raise Refusal(f"{len(trials)} readings fit about equally well{by}; choose {ways}")

    def search(self, *, details: bool = True) -> list[Trial]:
        """Distinct readings, by the first measure that tells anything those that few samples leave of all."""
        trials = self.tried(self.proposals())
        if not trials:
            raise Refusal("no usual reading runs on samples of this shape")
        measure = next((m for m in self.measures.values() if m(self.module(trials[0]), FEW) is not None), None)
        if measure is None:
            return _distinct(trials)
        for n in (FEW, SOME, MANY):
            trials = self.ranked(trials, measure, n) or []
            if not details:
                return trials
            if len(trials) <= KEPT:
                near = [(t.proposer, arguments) for t in trials for arguments in self.around(t)]
                return self.ranked(self.tried(near), measure, FEW) or trials
        raise Refusal(f"{len(trials)} ways through its layers fit about equally well, such as {trials[0].text}")

    @property
    def proposers(self) -> list[Proposer]:
        """The architectures that propose readings, by name."""
        return [a for _, a in sorted(self.architectures.items()) if isinstance(a, Proposer)]

    def proposals(self) -> list[tuple[Proposer, Mapping[str, Any]]]:
        """All readings of all proposers; Refusal where there are none, with their reasons."""
        readings, reasons = [], []
        for proposer in self.proposers:
            try:
                readings += [(proposer, arguments) for arguments in self.propose(proposer)]
            except Refusal as refusal:
                reasons.append(str(refusal))
        if not readings:
            raise Refusal("; ".join(reasons) or "no installed plugin proposes readings")
        return readings

    def propose(self, proposer: Proposer, near: Mapping[str, Any] | None = None) -> Sequence[Mapping[str, Any]]:
        """The readings of one proposer; Refusal where it gives none, with its reason."""
        try:
            return proposer.propose(self.shapes, self.role, self.sample_shape, near)
        except ValueError as error:
            raise Refusal(str(error)) from error
        except (Exception, SystemExit) as error:  # a stranger's code, which spoils its own readings alone
            raise Refusal(f"the architecture {proposer.name} failed ({reason_of(error)})") from error

    def around(self, trial: Trial) -> Sequence[Mapping[str, Any]]:
        """Variations of a reading; it alone where its proposer gives none."""
        with suppress(Refusal):
            return self.propose(trial.proposer, trial.arguments)
        return [trial.arguments]

    def tried(self, readings: Iterable[tuple[Proposer, Mapping[str, Any]]]) -> list[Trial]:
        """Those that run on the probe and give one sample, or one score, each."""
        import torch

        trials, seen = [], set()
        wanted = len(self.probe) * (prod(self.sample_shape) if self.role == "generator" else 1)
        for order, (proposer, arguments) in enumerate(readings):
            trial = Trial(proposer, arguments, "", np.zeros(0), order)
            if trial.option in seen:
                continue
            seen.add(trial.option)
            try:
                module = self.module(trial)
                with torch.no_grad():
                    outputs = module(self.probe)
                if outputs.numel() == wanted and bool(outputs.isfinite().all()):
                    trial.outputs = outputs.reshape(-1)[:: max(1, wanted // 4096)].numpy()
                    trial.text = notes_of(module).in_words or trial.option
                    trials.append(trial)
            except (Exception, SystemExit):  # a reading that cannot be run is none
                continue
        return trials

    def module(self, trial: Trial) -> Module:
        """The network that a reading builds, with the weights in it."""
        module: Any = trial.proposer.build(shapes=self.shapes, **trial.arguments)
        load_strict(module, self.tensors, self.piece.place, self.role)
        return module.eval().requires_grad_(False)  # type: ignore[no-any-return]

    def ranked(self, trials: Sequence[Trial], measure: Measure, n: int) -> list[Trial] | None:
        """Distinct readings that the best does not beat by the margin, best first; None where the measure is silent."""
        for trial in trials:
            trial.evidence = measure(self.module(trial), n)
        if any(trial.evidence is None for trial in trials):
            return None
        best = max(trials, key=lambda trial: _evidence(trial).over(_evidence(trials[0])))
        order = _distinct(sorted(trials, key=lambda trial: _evidence(best).over(_evidence(trial))))
        if len(order) > 1:
            self.next_best = _evidence(order[1]).error
        return [trial for trial in order if _evidence(best).over(_evidence(trial)) < MARGIN]


def _evidence(trial: Trial) -> Evidence:
    assert trial.evidence is not None
    return trial.evidence


def _distinct(trials: Iterable[Trial]) -> list[Trial]:
    """The first of those that are the same function."""
    distinct: list[Trial] = []
    for trial in trials:
        if not any(trial.equals(other) for other in distinct):
            distinct.append(trial)
    return distinct
