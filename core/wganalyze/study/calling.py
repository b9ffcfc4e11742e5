"""How networks are called: in batches, with labels as they take them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from wganalyze.contracts.snapshot import Latent

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 256
SHAPES = (RuntimeError, TypeError, ValueError, IndexError)
"""What torch raises where a network does not take what it is given."""
REFUSALS = (*SHAPES, KeyError, AttributeError, AssertionError)
"""What networks raise there, too."""


def rounded(values: npt.NDArray[Any]) -> str:
    """Values to six significant digits: equal text for equal networks, whatever the thread count."""
    return " ".join(f"{v:.6g}" for v in np.asarray(values, np.float64).ravel()[:4096])


def batches_of(n: int, batch: int) -> Iterator[slice]:
    """Consecutive batches; a remainder of one sample, which BatchNorm cannot take, joins the batch before it."""
    count = max(1, math.ceil(n / batch) - (1 if n % batch == 1 and n > batch else 0))
    for i in range(count):
        yield slice(i * batch, n if i == count - 1 else (i + 1) * batch)


@contextmanager
def same_draws(device: str) -> Iterator[None]:
    """A network that draws (dropout, noise) draws the same in every call, and the global state stays as it was."""
    import torch

    on_gpu = device.startswith("cuda")
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(0)  # torch.manual_seed would take a stack trace for each kind of device
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(0)
        yield


def encoded(labels: npt.NDArray[np.int64], latent: Latent, device: str, *, double: bool = False) -> Tensor:
    """Labels as a network takes them; one-hot in the precision of the network: float64 for a critic."""
    import torch

    index = torch.from_numpy(labels).to(device)
    if latent.encoding == "index":
        return index
    return torch.nn.functional.one_hot(index, latent.classes).to(torch.float64 if double else torch.float32)


def first_tensor(output: Any) -> Tensor:
    """The first tensor of what a network returns (some return a tuple with an auxiliary head)."""
    while isinstance(output, tuple | list):
        output = output[0]
    return output  # type: ignore[no-any-return]
