"""Samples from a generator."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from wganalyze.contracts.samples import Samples, Split
from wganalyze.contracts.snapshot import Latent
from wganalyze.contracts.terms import Mode
from wganalyze.errors import CheckpointError
from wganalyze.study.calling import BATCH, batches_of, encoded, first_tensor, same_draws
from wganalyze.text import one_line

if TYPE_CHECKING:
    from torch import Tensor

    from wganalyze.contracts.snapshot import Snapshot


def generate(
    snapshot: Snapshot, n: int, split: Split, *, seed: int, device: str, mode: Mode | None = None
) -> tuple[Samples, str]:
    """``n`` samples of the snapshot's generator, and the space's shape as text; ``mode`` None: as the snapshot says.

    z and labels depend on (seed, split) only, so that every snapshot sees the same. CheckpointError where the
    generator does not take that latent or yields NaN.
    """
    import torch

    assert snapshot.generator is not None
    generator = snapshot.generator.to(device)
    mode = mode or snapshot.generator_mode
    if mode == "train":
        generator = copy.deepcopy(generator).train()
    z, labels = latent_draw(snapshot.latent, n, split, seed)
    made: list[Tensor] = []
    try:
        with torch.no_grad(), same_draws(device):
            for rows in batches_of(n, BATCH):
                arguments = [torch.from_numpy(z[rows]).to(device)]
                if labels is not None:
                    arguments.append(encoded(labels[rows], snapshot.latent, device))
                if labels is not None and snapshot.latent.encoding == "concat":
                    from wganalyze.study.forms import join

                    arguments = [join(*arguments)]
                made.append(first_tensor(generator(*arguments)).float().cpu())
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        labels_too = f" and labels of {snapshot.latent.classes} classes" if labels is not None else ""
        raise CheckpointError(
            f"{snapshot.label}: the generator does not take a latent of shape {snapshot.latent.shape}{labels_too} "
            f"({one_line(error, 160)}); say --latent SHAPE (or [latent] shape), and --classes N with --label-encoding "
            "if it is conditional"
        ) from error
    images = torch.cat(made).numpy()
    if not np.isfinite(images).all():
        raise CheckpointError(f"{snapshot.label}: the generator yields NaN or infinity")
    key = ("fake", split.name, split.replicate, n, mode)
    return Samples(images.reshape(n, -1), tuple(images.shape[1:]), labels, key), str(images.shape[1:])


def latent_draw(
    latent: Latent, n: int, split: Split, seed: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64] | None]:
    """z (n, *shape) by the latent law (uniform: on [-1, 1]) and labels (n,), uniform over the classes, or None."""
    rng = split.rng(seed, "latent")
    shape = (n, *latent.shape)
    z = rng.standard_normal(shape, np.float32) if latent.law == "normal" else rng.uniform(-1, 1, shape)
    labels = rng.integers(0, latent.classes, n) if latent.classes else None
    return z.astype(np.float32), labels
