"""Samples from a generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wganalyze.contracts.samples import Samples, Split
from wganalyze.contracts.terms import Mode
from wganalyze.errors import CheckpointError
from wganalyze.scripts.blame import known_cause, place_of
from wganalyze.study.calling import BATCH, SHAPES, batches_of, first_tensor, same_draws
from wganalyze.study.feeding import Feeding, by_law, latent_draw
from wganalyze.text import one_line

if TYPE_CHECKING:
    from wganalyze.contracts.snapshot import Snapshot
    from wganalyze.study.making import ReadyGenerator

__all__ = ["generate", "latent_draw"]


def generate(
    snapshot: Snapshot,
    n: int,
    split: Split,
    *,
    seed: int,
    device: str,
    mode: Mode | None = None,
    ready: ReadyGenerator | None = None,
    feeding: Feeding | None = None,
) -> tuple[Samples, str]:
    """``n`` samples of the snapshot's generator, and the space's shape as text; ``mode`` None: as the snapshot says.

    What it is given depends on (seed, split) only, so that every snapshot sees the same. ``ready``: the generator made
    ready; None: it is made so here. ``feeding``: what it is given; None: latents. CheckpointError where the generator
    does not take that or yields NaN.
    """
    import torch

    from wganalyze.study.making import prepare_generator

    feeding = feeding or by_law(seed)
    ready = ready or prepare_generator(snapshot, device, feeding=feeding)
    mode = mode or snapshot.generator_mode
    network = ready.in_mode(mode)
    fed = feeding(ready.latent, n, split)
    try:
        with torch.no_grad(), same_draws(device):
            made = [first_tensor(network(*ready.inputs(fed, rows))).float().cpu() for rows in batches_of(n, BATCH)]
    except Exception as error:
        cause = known_cause(error, f"the code of {type(snapshot.generator).__name__}")
        if not cause and not isinstance(error, SHAPES):
            raise
        why = cause or f"the generator fails in {mode} mode ({one_line(error, 160)})"
        raise CheckpointError(f"{snapshot.label}: {why}{place_of(error)}") from error
    images = torch.cat(made).numpy()
    if len(images) != n:
        raise CheckpointError(f"{snapshot.label}: the generator gives {len(images)} samples where {n} were asked for")
    if not np.isfinite(images).all():
        raise CheckpointError(f"{snapshot.label}: the generator yields NaN or infinity")
    key = ("fake", split.name, split.replicate, n, mode)
    samples = Samples(images.reshape(n, -1), tuple(images.shape[1:]), fed.labels, key, conditions=fed.conditions)
    return samples, str(images.shape[1:])
