"""Layers that divide by what they see: normalisations of a sample, the softmax family."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations as kind_of

from wganalyze_plugins.lipschitz.bounds.rules.affine import INSTANCE_NORM
from wganalyze_plugins.lipschitz.bounds.rules.names import targets
from wganalyze_plugins.lipschitz.bounds.rules.stretch import OUTWARD, Stretch

MIXES = "mixes the samples of a batch"


def normalisation(name: str, weight: Tensor | None, eps: float | None) -> Stretch | str:
    """max|gamma| / sqrt(eps), attained at a constant input: true, and too large to be of use (SCIENCE, sec. 3)."""
    gain = 1.0 if weight is None else float(weight.detach().abs().max())
    floor = torch.finfo(torch.float64).eps if eps is None else eps
    if floor <= 0:
        return f"{name} without eps has no largest slope"
    return Stretch(gain / math.sqrt(floor) * OUTWARD, f"{name}: max|gamma| / sqrt(eps)", vacuous=True)


def local_response_norm(size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Stretch | str:
    """x_i s_i^-beta, s_i = k + alpha / n sum of n squares: k^-beta (1 + 2 sqrt(n) (beta / (beta + 1))^(beta + 1)).

    Row i of the second part of the Jacobian is at most 2 beta t (k + t)^-(beta + 1) for t = s_i - k, largest at
    t = k / beta; each number is in n rows.
    """
    if min(alpha, beta) < 0 or k <= 0:
        return "LocalResponseNorm has no rule for k <= 0 or negative alpha or beta"
    inner = 2 * math.sqrt(size) * (beta / (beta + 1)) ** (beta + 1) if alpha else 0.0
    return Stretch(k**-beta * (1 + inner) * (1 + 1e-12), "LocalResponseNorm: bound of its Jacobian")


def softmax(name: str, dim: int | None, shape: Sequence[int]) -> Stretch | str:
    """Jacobian diag(p) - pp', of norm at most max 2 p_i (1 - p_i) = 1/2 by its row sums; attained at two equal."""
    problem = _axis(dim, shape)
    return (
        problem
        if isinstance(problem, str)
        else Stretch(0.5 * OUTWARD, f"{name}: 1/2, by the row sums of diag(p) - pp'")
    )


def log_softmax(name: str, dim: int | None, shape: Sequence[int]) -> Stretch | str:
    """Jacobian I - 1p', an oblique projection, of the norm of 1p': sqrt(n) |p|, towards sqrt(n); of one number, 0."""
    axis = _axis(dim, shape)
    if isinstance(axis, str):
        return axis
    return Stretch(math.sqrt(shape[axis - 1]) * OUTWARD, f"{name}: sqrt(n), the norm of the projection I - 1p'")


def log_sum_exp(name: str, dim: Any, shape: Sequence[int]) -> Stretch | str:
    """Its gradient is p, of norm at most 1."""
    axes = [_axis(each, shape) for each in (dim if isinstance(dim, tuple | list) else (dim,))]
    problem = next((axis for axis in axes if isinstance(axis, str)), "")
    return problem or Stretch(OUTWARD, f"{name}: its gradient p has norm at most 1")


def _axis(dim: int | None, shape: Sequence[int]) -> int | str:
    """The axis of a batch that ``dim`` means; or why it is none."""
    count = len(shape) + 1
    if dim is None:
        return "has no rule without a dim"
    axis = dim + count if dim < 0 else dim
    if axis == 0:
        return MIXES
    return axis if axis < count else "has no rule for an input of unknown shape"


_SOFT: Mapping[str, Callable[[str, int | None, Sequence[int]], Stretch | str]] = {
    "softmax": softmax,
    "softmin": softmax,
    "log_softmax": log_softmax,
}
_SOFT_MODULES: Mapping[type[nn.Module], str] = {
    nn.Softmax: "softmax",
    nn.Softmin: "softmin",
    nn.LogSoftmax: "log_softmax",
}
_FUNCTIONS = targets(
    *_SOFT, "logsumexp", "layer_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm"
)


def of_module(module: Any, shape: Sequence[int]) -> Stretch | str | None:
    """The rule of such a layer; None where it is none. ``shape``: of its input, without the batch."""
    kind, name = kind_of(module), kind_of(module).__name__
    if kind in _SOFT_MODULES:
        return _SOFT[_SOFT_MODULES[kind]](name, module.dim, shape)
    if kind is nn.Softmax2d:
        return softmax(name, -3, shape)
    if kind in (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm) or kind in INSTANCE_NORM:
        return normalisation(name, module.weight, module.eps)
    if kind is nn.LocalResponseNorm:
        return local_response_norm(module.size, module.alpha, module.beta, module.k)
    return None


def of_call(
    target: Any, arguments: Sequence[Any], keywords: Mapping[str, Any], shape: Sequence[int]
) -> Stretch | str | None:
    """The same of a function or a method."""
    name = _FUNCTIONS.get(target)
    if name is None:
        return None
    taken = dict(keywords)
    if name == "local_response_norm":
        return local_response_norm(*arguments[1:], **taken)
    if name in (*_SOFT, "logsumexp"):
        dim = taken.get("dim", arguments[1] if len(arguments) > 1 else None)
        return (log_sum_exp if name == "logsumexp" else _SOFT[name])(name, dim, shape)
    order = {
        "layer_norm": ("shape", "weight", "bias", "eps"),
        "rms_norm": ("shape", "weight", "eps"),
        "group_norm": ("groups", "weight", "bias", "eps"),
        "instance_norm": ("running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps"),
    }[name]
    if name == "instance_norm" and target is not F.instance_norm:  # torch's own takes them in another order
        order = ("weight", "bias", "running_mean", "running_var", *order[4:])
    taken |= dict(zip(order, arguments[1:], strict=False))
    if name == "layer_norm" and len(taken.get("shape", taken.get("normalized_shape", ()))) > len(shape) > 0:
        return MIXES
    return normalisation(name, taken.get("weight"), taken.get("eps", None if name == "rms_norm" else 1e-5))
