"""What others say of a critic's Lipschitz constant; each raises what it raises where it cannot."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from math import prod

import torch
from torch import Tensor, nn

Bound = Callable[[nn.Module, Tensor], float]
GRAM_ITERATIONS = 3
"""Each doubles the kernel that is convolved with itself."""


class NotApplicable(Exception):
    """The library makes no claim for such a critic."""


def eclipse(critic: nn.Module, x: Tensor) -> float:
    """eclipse-nn's ECLipsE-Fast (2404.04375), of the Linear layers that it finds.

    Its semidefinite programmes took eight seconds at 64 numbers a layer, and fell back to this form on both networks
    that they were tried on.
    """
    from eclipse_nn import LipConstEstimator

    with contextlib.redirect_stdout(io.StringIO()):
        return float(LipConstEstimator(model=critic).estimate("ECLipsE_Fast"))


def orthogonium(critic: nn.Module, x: Tensor) -> float:
    """The product of orthogonium's norms of convolutions, and of spectral norms of matrices."""
    from orthogonium.layers.conv.singular_values import get_conv_sv

    convolutions = [layer for layer in critic.modules() if isinstance(layer, nn.Conv2d)]
    if not convolutions:
        raise NotApplicable
    matrices = [layer.weight.detach() for layer in critic.modules() if isinstance(layer, nn.Linear)]
    return prod(
        float(norm)
        for norm in (
            *(get_conv_sv(layer, GRAM_ITERATIONS, return_stab_rank=False) for layer in convolutions),
            *(torch.linalg.matrix_norm(weight, 2) for weight in matrices),
        )
    )


def torchlip(critic: nn.Module, x: Tensor) -> float:
    """deel-torchlip's estimate from below: of Jacobian norms, slopes to noise and slopes that an attack finds."""
    from deel.torchlip.utils import evaluate_lip_const

    with contextlib.redirect_stdout(io.StringIO()), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return float(evaluate_lip_const(critic, x, "all"))


UPPER: Mapping[str, Bound] = {"eclipse-nn": eclipse, "orthogonium": orthogonium}
"""Claims that no slope is larger."""
LOWER: Mapping[str, Bound] = {"torchlip": torchlip}
"""Slopes that are claimed to be there."""
