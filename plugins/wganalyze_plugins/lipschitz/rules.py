"""What is known of a layer: is it affine, reshaping, or how much can it stretch? The constants of SCIENCE, rounded up.

A layer without a rule has no bound, and neither has a critic that contains it: never a guess.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations as kind_of

GELU, GELU_TANH, SILU, MISH, SELU = 1.1290, 1.1291, 1.0999, 1.0886, 1.7581


@dataclass(frozen=True)
class Stretch:
    """A layer's Lipschitz constant, and the rule it comes from."""

    factor: float
    rule: str
    vacuous: bool = False


AFFINE_MODULES: frozenset[type[nn.Module]] = frozenset(
    [
        nn.Linear,
        nn.Conv1d,
        nn.Conv2d,
        nn.Conv3d,
        nn.ConvTranspose1d,
        nn.ConvTranspose2d,
        nn.ConvTranspose3d,
        nn.AvgPool1d,
        nn.AvgPool2d,
        nn.AvgPool3d,
        nn.AdaptiveAvgPool1d,
        nn.AdaptiveAvgPool2d,
        nn.AdaptiveAvgPool3d,
        nn.ZeroPad1d,
        nn.ZeroPad2d,
        nn.ZeroPad3d,
        nn.ConstantPad1d,
        nn.ConstantPad2d,
        nn.ConstantPad3d,
        nn.ReflectionPad1d,
        nn.ReflectionPad2d,
        nn.ReflectionPad3d,
        nn.ReplicationPad1d,
        nn.ReplicationPad2d,
        nn.ReplicationPad3d,
        nn.Upsample,
        nn.UpsamplingNearest2d,
        nn.UpsamplingBilinear2d,
    ]
)
RESHAPING_MODULES: frozenset[type[nn.Module]] = frozenset(
    [
        nn.Flatten,
        nn.Unflatten,
        nn.Identity,
        nn.PixelShuffle,
        nn.PixelUnshuffle,
        nn.ChannelShuffle,
        nn.Dropout,
        nn.Dropout1d,
        nn.Dropout2d,
        nn.Dropout3d,
        nn.AlphaDropout,
    ]
)
_BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_INSTANCE_NORM = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_MAX_POOL = {nn.MaxPool1d: 1, nn.MaxPool2d: 2, nn.MaxPool3d: 3}
_RANDOM_IN_TRAINING = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.RReLU)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

AFFINE_FUNCTIONS: frozenset[Any] = frozenset(
    [
        F.linear,
        F.conv1d,
        F.conv2d,
        F.conv3d,
        F.conv_transpose1d,
        F.conv_transpose2d,
        F.conv_transpose3d,
        F.avg_pool1d,
        F.avg_pool2d,
        F.avg_pool3d,
        F.adaptive_avg_pool1d,
        F.adaptive_avg_pool2d,
        F.adaptive_avg_pool3d,
        F.interpolate,
        F.pad,
        torch.mean,
        torch.sum,
        torch.neg,
        torch.mul,
        torch.div,
        torch.matmul,
        operator.mul,
        operator.truediv,
        operator.neg,
        operator.matmul,
        operator.getitem,
        "mean",
        "sum",
        "mul",
        "div",
        "matmul",
        "neg",
    ]
)
"""Affine in the first argument, the others being constants."""
EITHER_SIDE: frozenset[Any] = frozenset([torch.mul, torch.matmul, operator.mul, operator.matmul, "mul", "matmul"])
"""Affine in the second argument too, the first being a constant."""
NOT_AFFINE = frozenset(["out", "rounding_mode"])
"""Keywords that make more of these functions than an affine map."""

ADDING_FUNCTIONS: frozenset[Any] = frozenset([operator.add, operator.sub, torch.add, torch.sub, "add", "sub"])
RESHAPING_FUNCTIONS: frozenset[Any] = frozenset(
    [
        torch.flatten,
        torch.reshape,
        torch.squeeze,
        torch.unsqueeze,
        torch.permute,
        torch.transpose,
        "flatten",
        "view",
        "reshape",
        "squeeze",
        "unsqueeze",
        "permute",
        "transpose",
        "contiguous",
        "unflatten",
        "double",
        "to",
        "clone",
    ]
)
CONCATENATING_FUNCTIONS: frozenset[Any] = frozenset([torch.cat, torch.concat, torch.concatenate])


def _softplus(threshold: float) -> float:
    """1; but beyond a small threshold torch returns x instead, a jump that no slope bounds."""
    return 1.0 if threshold >= 20 else math.inf


ACTIVATIONS: Mapping[type[nn.Module], Callable[[Any], float]] = {
    nn.ReLU: lambda m: 1.0,
    nn.ReLU6: lambda m: 1.0,
    nn.LeakyReLU: lambda m: max(1.0, abs(m.negative_slope)),
    nn.RReLU: lambda m: max(1.0, abs(m.lower + m.upper) / 2),  # in eval mode
    nn.PReLU: lambda m: max(1.0, float(m.weight.detach().abs().max())),
    nn.Tanh: lambda m: 1.0,
    nn.Hardtanh: lambda m: 1.0,
    nn.Softsign: lambda m: 1.0,
    nn.Softplus: lambda m: _softplus(m.threshold),
    nn.LogSigmoid: lambda m: 1.0,
    nn.Sigmoid: lambda m: 0.25,
    nn.Hardsigmoid: lambda m: 0.1667,  # torch's gradient takes 1 / 6 in float32
    nn.ELU: lambda m: max(1.0, abs(m.alpha)),
    nn.CELU: lambda m: 1.0 if m.alpha > 0 else math.inf,
    nn.SELU: lambda m: SELU,
    nn.GELU: lambda m: GELU if m.approximate == "none" else GELU_TANH,
    nn.SiLU: lambda m: SILU,
    nn.Mish: lambda m: MISH,
    nn.Hardswish: lambda m: 1.5,
    nn.Softshrink: lambda m: 1.0,
    nn.Tanhshrink: lambda m: 1.0,
}
_FUNCTIONS: Mapping[Any, Callable[..., float]] = {
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_", F.relu6), lambda *a, **k: 1.0),
    **dict.fromkeys((torch.tanh, F.tanh, "tanh", F.hardtanh, F.softsign, F.logsigmoid), lambda *a, **k: 1.0),
    **dict.fromkeys((torch.sigmoid, F.sigmoid, "sigmoid"), lambda *a, **k: 0.25),
    **dict.fromkeys((torch.abs, "abs"), lambda *a, **k: 1.0),
    F.softplus: lambda x, beta=1, threshold=20: _softplus(threshold),
    F.selu: lambda *a, **k: SELU,
    F.silu: lambda *a, **k: SILU,
    F.mish: lambda *a, **k: MISH,
    F.hardswish: lambda *a, **k: 1.5,
    F.gelu: lambda *a, approximate="none", **k: GELU if approximate == "none" else GELU_TANH,
    F.elu: lambda x, alpha=1.0, inplace=False: max(1.0, abs(alpha)),
    F.leaky_relu: lambda x, negative_slope=0.01, inplace=False: max(1.0, abs(negative_slope)),
}


def is_affine(module: nn.Module) -> bool:
    """Affine in its input, in eval mode."""
    kind = kind_of(module)
    if kind in _BATCH_NORM + _INSTANCE_NORM:
        return bool(module.track_running_stats) and module.running_mean is not None and not module.training
    return kind in AFFINE_MODULES


def is_reshaping(module: nn.Module) -> bool:
    """Moves numbers without changing them; dropout does so in eval mode only."""
    kind = kind_of(module)
    return kind in RESHAPING_MODULES and not (module.training and kind in _RANDOM_IN_TRAINING)


def is_affine_call(target: Any, place: int | str, keywords: Mapping[str, Any]) -> bool:
    """Affine in the argument at ``place``, where no other one depends on the input? Functions and methods."""
    if keywords.keys() & NOT_AFFINE:
        return False
    first = target in AFFINE_FUNCTIONS | RESHAPING_FUNCTIONS and place == 0
    return first or target in ADDING_FUNCTIONS or (target in EITHER_SIDE and place == 1)


def overwrites(module: nn.Module | None, target: Any, keywords: Mapping[str, Any]) -> bool:
    """Does the operation write its result over its input?"""
    name = target if isinstance(target, str) else getattr(target, "__name__", "")
    by_name = module is None and name.endswith("_")
    return by_name or bool(keywords.get("inplace")) or bool(getattr(module, "inplace", False))


def altered(module: nn.Module) -> str:
    """Why a layer may not do what its class does; "" where nothing was put into it.

    The hooks of torch.nn.utils (spectral_norm, weight_norm, prune) only set the weight, before it is read.
    """
    hooks = [hook for name in _HOOKS for hook in getattr(module, name).values()]
    if any(not type(hook).__module__.startswith("torch.nn.utils.") for hook in hooks):
        return "hooks change what it does"
    replaced = [name for name in vars(module) if callable(getattr(type(module), name, None))]
    return f"its {', '.join(replaced)} was replaced" if replaced else ""


def stretch_of_module(module: nn.Module) -> Stretch | str:
    """The Lipschitz constant of a layer that is not affine, or why there is none."""
    kind = kind_of(module)
    name = kind.__name__
    if module.training and kind in _RANDOM_IN_TRAINING:
        return f"{name} is random in train mode"
    if kind in _BATCH_NORM:
        return f"{name} uses the statistics of the batch: the score is no function of one sample"
    if kind in ACTIVATIONS:
        return _slope(ACTIVATIONS[kind](module), name)
    if kind in (nn.LayerNorm, nn.GroupNorm, *_INSTANCE_NORM):
        return normalisation(module, name)
    if kind in _MAX_POOL:
        return max_pool(module, _MAX_POOL[kind])
    return f"no rule for {name}"


def stretch_of_function(target: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Stretch | str:
    """The same for a function or method (by name) with its concrete arguments, the input's being the first."""
    name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    if target in _FUNCTIONS:
        return _slope(_FUNCTIONS[target](*arguments, **keywords), name)
    if target is F.dropout and not keywords.get("training", True):
        return Stretch(1.0, "dropout: identity in eval mode")
    return f"no rule for {name}()"


def _slope(largest: float, name: str) -> Stretch | str:
    if not math.isfinite(largest):
        return f"{name} has no largest slope with these arguments"
    # Where torch returns x in the place of softplus(x), at threshold 20, it jumps by 2.1e-9 / beta.
    jump = ", but for a jump of 2.1e-9 / beta at its threshold" if name.lower() == "softplus" else ""
    return Stretch(largest, f"{name}: largest slope{jump}")


def normalisation(module: Any, name: str) -> Stretch | str:
    """max|gamma| / sqrt(eps), attained at a constant input: true, and too large to be of use."""
    weight: Tensor | None = module.weight
    gain = 1.0 if weight is None else float(weight.detach().abs().max())
    if module.eps <= 0:
        return f"{name} without eps has no largest slope"
    return Stretch(gain / math.sqrt(module.eps) * (1 + 1e-15), f"{name}: max|gamma| / sqrt(eps)", vacuous=True)


def max_pool(module: Any, axes: int) -> Stretch | str:
    """sqrt of the largest number of windows that a pixel is in: prod ceil(k / s); attained."""

    def each(value: Any) -> tuple[int, ...]:
        return tuple(value) if isinstance(value, tuple | list) else (int(value),) * axes

    if set(each(module.dilation)) != {1}:
        return "no rule for dilated max-pooling"
    windows = math.prod(-(-k // s) for k, s in zip(each(module.kernel_size), each(module.stride), strict=True))
    return Stretch(math.sqrt(windows) * (1 + 1e-15), "MaxPool: sqrt of the windows that share a pixel")
