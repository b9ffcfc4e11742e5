"""The data that is trained on: everything that ``--data`` names, as one tensor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from wganalyze import DataError, DataSource, Preprocessing, Split, UsageError, data_source

POOL = 1 << 16
"""How many samples of a law are drawn, once; batches are drawn from these."""
SPLIT = "train"


@dataclass(frozen=True, eq=False)
class Reals:
    """What is trained on.

    ``points``: (n, ...), in [-1, 1] where they are ``bounded``, else as stored.
    ``text``: as ``--data`` calls it; "" where there is no such name.
    ``digest``: of the content: another digest is another training.
    ``endless``: a law, of which others can draw fresh samples.
    """

    points: Tensor
    text: str
    digest: str
    bounded: bool
    endless: bool = False

    @property
    def dim(self) -> int:
        """Coordinates of a sample."""
        return self.points[0].numel()


def reals_of(data: str | Tensor | DataSource, seed: int) -> Reals:
    """From a name, a source, or samples (n, ...); a tensor within [-1, 1] is taken as bounded.

    A finite source gives all its samples, a law a pool of 65,536 drawn with ``seed``. DataError or UsageError, in one
    line, where there is nothing to train on.
    """
    if isinstance(data, Tensor):
        return _of_tensor(data)
    source = data_source(data) if isinstance(data, str) else data
    text = data if isinstance(data, str) else source.name
    endless = source.size is None
    n = POOL if source.size is None else source.size
    values = source.draw(n, Split(SPLIT), offset=0, seed=seed if endless else 0).values
    bounded = source.value_range is not None
    mapping = Preprocessing() if source.value_range is None else Preprocessing.to_range(source.value_range, -1, 1)
    points = torch.from_numpy(mapping.apply(values, source.shape)).reshape(n, *source.shape)
    if not bool(points.isfinite().all()):
        raise DataError(f"--data {text}: not all values are finite; a generator cannot be trained on them")
    return Reals(points, text, source.digest, bounded, endless)


def _of_tensor(points: Tensor) -> Reals:
    if points.ndim < 2 or len(points) == 0 or not bool(points.isfinite().all()):
        raise UsageError(f"data of shape {tuple(points.shape)}: samples (n, ...) of finite values are needed")
    points = points.detach().float().cpu().contiguous()
    digest = hashlib.sha256(repr(tuple(points.shape)).encode() + points.numpy().tobytes()).hexdigest()
    return Reals(points, "", digest, bool(points.abs().max() <= 1))
