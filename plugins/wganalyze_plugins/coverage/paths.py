"""Does a path between two latent vectors leave the data?"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from wganalyze import CheckpointError, NotMeasurable, Points, Samples, Split, one_line

if TYPE_CHECKING:
    from torch import Tensor

    from wganalyze import Study
    from wganalyze.transport import Array

PAIRS = 64
"""Paths a replicate."""


def ends_and_middles(study: Study, replicate: int) -> tuple[Array, Array]:
    """Samples (2 PAIRS, d) from latent vectors, and (PAIRS, d) from the middles between pairs of these.

    Middles of straight lines. The spherical one (White 1609.04468) of two independent standard normal vectors is again
    one, as (a + b)/sqrt 2 is, so that its sample is a generated sample like any other: no path shows there.
    NotMeasurable where the generator takes labels, or makes other samples than the study's.
    """
    import torch

    labelled = "a conditional generator: its samples differ by label, too"
    if study.snapshot.latent.classes:
        raise NotMeasurable(labelled)
    try:
        sampler = study.sampler
    except CheckpointError as error:
        raise NotMeasurable(f"the generator does not take its latent: {one_line(error, 160)}") from error
    if sampler.is_conditional:
        raise NotMeasurable(labelled)
    if sampler.takes_data:
        raise NotMeasurable("the generator maps samples to samples, and has no latent")
    latent = sampler.latent
    rng = Split("interpolation", replicate).rng(study.seed, "latent")
    z = latent.draw(2 * PAIRS, rng, np.float64)
    middle = (z[:PAIRS] + z[PAIRS:]) / 2
    generator: Any = sampler.module
    if study.snapshot.generator_mode == "train":
        generator = copy.deepcopy(generator).train()
    sides: list[Array] = []
    gpu = [study.device] if study.device.startswith("cuda") else []
    with torch.no_grad(), torch.random.fork_rng(devices=gpu):
        for vectors in (z, middle):
            # A network that draws noise draws the same in both calls.
            torch.default_generator.manual_seed(0)
            for device in gpu:
                with torch.cuda.device(device):
                    torch.cuda.manual_seed(0)
            try:
                made = generator.to(study.device)(torch.from_numpy(vectors.astype(np.float32)).to(study.device))
            except (RuntimeError, TypeError, ValueError, IndexError) as error:
                raise NotMeasurable(f"the generator does not take its latent: {one_line(error, 160)}") from error
            sides.append(_flat(made, len(vectors)))
    if sides[0].shape[1] != study.dim:
        raise NotMeasurable("the generator's samples are not in this space")
    return sides[0], sides[1]


def _flat(made: Any, n: int) -> Array:
    tensor: Tensor = made[0] if isinstance(made, tuple | list) else made
    return np.asarray(tensor.double().cpu().numpy().reshape(n, -1))


def ratio(samples: Points, ends: Array, reals: Samples) -> float:
    """Mean distance of ``samples`` (m, d) to the nearest of ``reals``, over that of ``ends`` (n, d)."""
    from wganalyze_plugins.clustering import nearest

    far, near = (float(nearest(side, reals.points)[1].mean()) for side in (samples, ends))
    if not near > 0:
        raise NotMeasurable("the generated samples are real ones: the ends of the paths are at distance 0")
    return far / near
