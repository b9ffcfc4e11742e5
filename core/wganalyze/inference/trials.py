"""--infer: readings that a plugin proposes for keys and shapes are tried on data, and the best counts if it is alone.

BatchNorm stored the mean and the variance of its inputs in training: with the right strides and activations they come
back. A critic's BatchNorm saw the samples of its generator, too, in their true range. Without any BatchNorm, samples
of the right generator are nearer to the data. Where two readings fit about as well, the choice is left to the user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from wganalyze.contracts.architecture import Architecture
from wganalyze.contracts.data import DataSource
from wganalyze.contracts.measurement import Finding
from wganalyze.contracts.samples import Points, Preprocessing, Split
from wganalyze.contracts.terms import Role
from wganalyze.errors import CheckpointError, WganalyzeError
from wganalyze.inference.court import MANY, SOME, Court, Measure, Refusal, Trial
from wganalyze.inference.evidence import Evidence, of_norms, of_samples
from wganalyze.networks.building import build
from wganalyze.networks.design import Design
from wganalyze.networks.draft import Draft
from wganalyze.networks.factories import Net
from wganalyze.networks.piece import Piece
from wganalyze.study.dealing import Deal
from wganalyze.study.generator import generate, latent_draw
from wganalyze.text import reason_of

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

BATCH = 128
PROBES = 16
STATISTICS = "the stored statistics of its BatchNorm inputs"
WITNESS = "what the critic's BatchNorm remembers of its samples"
NEARNESS = "the energy distance of its samples to the data"


def infer_generators(
    snapshots: Sequence[Draft],
    source: DataSource,
    architectures: Mapping[str, Architecture],
    preprocessing: Preprocessing | None = None,
) -> list[Draft]:
    """Drafts whose generator has no known architecture get one, or the reason why not.

    ``preprocessing``: what the user said of the critic's input; otherwise the range of the samples shows it.
    """
    size = MANY if source.size is None else min(source.size, MANY)
    real = source.draw(size, Split("infer"), offset=0 if source.size is None else source.size - size, seed=0).values
    real = real.reshape(size, -1)

    def hear(snapshot: Draft, piece: Piece) -> tuple[Trial, str]:
        import torch

        def draw(n: int) -> Tensor:
            return torch.from_numpy(latent_draw(snapshot.latent, n, Split("infer"), 0)[0])

        def samples(module: Module, n: int) -> Points:
            with torch.no_grad():
                return torch.cat([module(z) for z in _batches(draw(n))]).flatten(1).numpy()

        def statistics(module: Module, n: int) -> Evidence | None:
            return of_norms(module, [_batches(draw(n))])

        def witness(module: Module, n: int) -> Evidence | None:
            fake = samples(module, min(n, size, SOME))
            scale = preprocessing or _scale(source, fake)
            return _testimony(snapshot, _sides(scale.apply(real, source.shape), fake, source.shape), architectures)

        def nearness(module: Module, n: int) -> Evidence:
            fake = samples(module, min(n, size, SOME)).astype(np.float64)
            return of_samples(fake, real[: len(fake)].astype(np.float64))

        measures: dict[str, Measure] = {STATISTICS: statistics, WITNESS: witness, NEARNESS: nearness}
        return Court(piece, "generator", architectures, source.shape, draw(PROBES), measures).decide()

    return _inferred(snapshots, "generator", hear)


def infer_critics(snapshots: Sequence[Draft], deal: Deal, architectures: Mapping[str, Architecture]) -> list[Draft]:
    """Drafts whose critic has no known architecture get one, or the reason why not."""
    n = min(deal.fit_size, MANY)

    def hear(snapshot: Draft, piece: Piece) -> tuple[Trial, str]:
        sides = _sides(deal.real(n, Split("fit")).points, _fakes(snapshot, deal, n), deal.source.shape)
        return _critic_court(piece, sides, architectures).decide()

    return _inferred(snapshots, "critic", hear)


def _fakes(snapshot: Draft, deal: Deal, n: int) -> Points | None:
    """What stands on the other side of the data; None where nothing does."""
    if snapshot.make_generator is not None:
        return generate(snapshot, n, Split("infer"), seed=deal.seed, device="cpu")[0].points
    if snapshot.samples is not None:
        points, own = snapshot.samples.points[:n], snapshot.samples_range
        return points if own is None else deal.from_range(points, snapshot.samples.shape, own)
    return deal.other_side(n, Split("fit")).points if deal.source.is_pair else None


def _critic_court(piece: Piece, sides: Sequence[Tensor], architectures: Mapping[str, Architecture]) -> Court:
    def statistics(module: Module, n: int) -> Evidence | None:
        return of_norms(module, [_batches(side[:n]) for side in sides])

    probe = sides[min(2, len(sides) - 1)][:PROBES]
    return Court(piece, "critic", architectures, tuple(probe.shape[1:]), probe, {STATISTICS: statistics})


def _sides(real: Points, fake: Points | None, shape: tuple[int, ...]) -> list[Tensor]:
    """What a critic's training may have made batches of: real, fake, points between them, and both in one batch."""
    import torch

    image = (1, *shape) if len(shape) == 2 else shape
    x = torch.from_numpy(real).reshape(-1, *image)
    if fake is None:
        return [x]
    if fake.shape[1] != real.shape[1]:
        raise Refusal(f"the generator makes samples of {fake.shape[1]} numbers, the data have {real.shape[1]}")
    y = torch.from_numpy(fake).reshape(-1, *image)[: len(x)]
    x = x[: len(y)]
    share = torch.rand(len(x), *[1] * len(image), generator=torch.Generator().manual_seed(0))
    return [x, y, share * x + (1 - share) * y, torch.stack([x, y], dim=1).flatten(0, 1)]


def _testimony(snapshot: Draft, sides: Sequence[Tensor], architectures: Mapping[str, Architecture]) -> Evidence | None:
    """How well the statistics in a snapshot's critic agree with samples, under the best of its plain readings."""
    n = len(sides[0])
    if snapshot.make_critic is not None:
        try:
            critic = snapshot.make_critic()
        except (Exception, SystemExit):  # its own cells will say so
            return None
        for shape in (sides[0].shape[1:], (-1,)):
            with suppress(RuntimeError, TypeError, ValueError, IndexError):
                return of_norms(critic, [_batches(side.reshape(len(side), *shape)) for side in sides])
        return None
    if "critic" not in snapshot.unbuilt:
        return None
    court = _critic_court(snapshot.unbuilt["critic"], sides, architectures)
    with suppress(Refusal, CheckpointError):
        return court.measures[STATISTICS](court.module(court.search(details=False)[0]), n)
    return None


def _batches(x: Tensor) -> Sequence[Tensor]:
    import torch

    return torch.split(x, BATCH)


def _scale(source: DataSource, fake: Points) -> Preprocessing:
    """The map of the data to the range that samples end in: [0, 1] or [-1, 1]."""
    if source.value_range is None:
        return Preprocessing()
    return Preprocessing.to_range(source.value_range, 0.0 if fake.min() >= 0 else -1.0, 1.0)


def _inferred(
    snapshots: Sequence[Draft],
    role: Role,
    hear: Callable[[Draft, Piece], tuple[Trial, str]],
) -> list[Draft]:
    """One reading for all networks of a layout of keys and shapes, by the last one whose weights can be used."""
    verdicts: dict[object, tuple[Trial, str] | str] = {}
    broken: dict[object, str] = {}
    for snapshot in reversed(snapshots):
        piece = snapshot.unbuilt.get(role)
        if piece is None or _layout(piece) in verdicts:
            continue
        try:
            if snapshot.latent.classes:
                raise Refusal("a conditional network is no plain chain")
            verdicts[_layout(piece)] = hear(snapshot, piece)
        except Refusal as refusal:
            verdicts[_layout(piece)] = str(refusal)
        except WganalyzeError as error:
            broken[_layout(piece)] = str(error)
        except (Exception, SystemExit) as error:  # of a plugin's networks, or of the user's
            broken[_layout(piece)] = f"trying its readings failed ({reason_of(error)})"
    outcomes = {**broken, **verdicts}
    return [
        _with_verdict(snapshot, role, snapshot.unbuilt[role], outcomes[_layout(snapshot.unbuilt[role])])
        if role in snapshot.unbuilt
        else snapshot
        for snapshot in snapshots
    ]


def _with_verdict(snapshot: Draft, role: Role, piece: Piece, verdict: tuple[Trial, str] | str) -> Draft:
    if isinstance(verdict, str):
        reason = f"{piece.place}: no architecture inferred: {verdict}"
        return replace(snapshot, missing={**snapshot.missing, role: reason})
    trial, why = verdict
    design = Design(Net(factory=trial.option))
    end = "; an activation at its end would not show and is left off" if role == "critic" else ""
    made: dict[str, Any] = {f"make_{role}": partial(build, piece, design, role)}
    guess = f"{role}: architecture inferred from keys and shapes: {trial.text}; {why}{end}"
    return replace(
        snapshot,
        **made,
        designs={**snapshot.designs, role: f"{piece.place}: {design.text()}"},
        missing={name: reason for name, reason in snapshot.missing.items() if name != role},
        unbuilt={name: other for name, other in snapshot.unbuilt.items() if name != role},
        assumptions=(*snapshot.assumptions, guess),
        findings=(*snapshot.findings, Finding("warning", "inferred", f"assumed: {guess}")),
    )


def _layout(piece: Piece) -> object:
    return tuple(sorted((key, spec.shape) for key, spec in piece.keys.items()))
