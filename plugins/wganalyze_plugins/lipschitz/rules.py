"""What is known of a layer: is it affine, reshaping, or how much can it stretch? The constants of SCIENCE, rounded up.

A layer without a rule has no bound, and neither has a critic that contains it: never a guess.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GELU, GELU_TANH, SILU, MISH, SELU = 1.1290, 1.1291, 1.0999, 1.0886, 1.7581


@dataclass(frozen=True)
class Stretch:
    """A layer's Lipschitz constant, and the rule it comes from."""

    factor: float
    rule: str
    vacuous: bool = False


AFFINE_MODULES = (
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
)
RESHAPING_MODULES = (
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
)
_BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_INSTANCE_NORM = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)

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
"""Affine in one argument that depends on the input, the others being constants; checked on random points."""

ADDING_FUNCTIONS: frozenset[Any] = frozenset(
    [operator.add, operator.sub, operator.iadd, operator.isub, torch.add, torch.sub, "add", "sub"]
)
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
        "clone",
    ]
)
CONCATENATING_FUNCTIONS: frozenset[Any] = frozenset([torch.cat, torch.concat])

ACTIVATIONS: Mapping[type[nn.Module], Callable[[Any], float]] = {
    nn.ReLU: lambda m: 1.0,
    nn.ReLU6: lambda m: 1.0,
    nn.LeakyReLU: lambda m: max(1.0, abs(m.negative_slope)),
    nn.RReLU: lambda m: max(1.0, abs(m.lower + m.upper) / 2),
    nn.PReLU: lambda m: max(1.0, float(m.weight.abs().max())),
    nn.Tanh: lambda m: 1.0,
    nn.Hardtanh: lambda m: 1.0,
    nn.Softsign: lambda m: 1.0,
    nn.Softplus: lambda m: 1.0,
    nn.LogSigmoid: lambda m: 1.0,
    nn.Sigmoid: lambda m: 0.25,
    nn.Hardsigmoid: lambda m: 1 / 6 * (1 + 1e-15),
    nn.ELU: lambda m: max(1.0, abs(m.alpha)),
    nn.CELU: lambda m: 1.0,
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
    F.softplus: lambda *a, **k: 1.0,
    F.selu: lambda *a, **k: SELU,
    F.silu: lambda *a, **k: SILU,
    F.mish: lambda *a, **k: MISH,
    F.hardswish: lambda *a, **k: 1.5,
    F.gelu: lambda *a, approximate="none", **k: GELU if approximate == "none" else GELU_TANH,
    F.elu: lambda x, alpha=1.0, *a, **k: max(1.0, abs(alpha)),
    F.leaky_relu: lambda x, negative_slope=0.01, *a, **k: max(1.0, abs(negative_slope)),
}


def is_affine(module: nn.Module) -> bool:
    """Affine in its input, in eval mode."""
    if isinstance(module, _BATCH_NORM + _INSTANCE_NORM):
        return bool(module.track_running_stats) and module.running_mean is not None and not module.training
    return isinstance(module, AFFINE_MODULES)


def is_reshaping(module: nn.Module) -> bool:
    """Moves numbers without changing them, in eval mode."""
    return isinstance(module, RESHAPING_MODULES) and not module.training


def stretch_of_module(module: nn.Module) -> Stretch | str:
    """The Lipschitz constant of a layer that is not affine, or why there is none."""
    name = type(module).__name__
    if type(module) in ACTIVATIONS:
        return Stretch(ACTIVATIONS[type(module)](module), f"{name}: largest slope")
    if isinstance(module, nn.LayerNorm | nn.GroupNorm | nn.InstanceNorm1d | nn.InstanceNorm2d | nn.InstanceNorm3d):
        return normalisation(getattr(module, "weight", None), module.eps, name)
    if isinstance(module, nn.MaxPool1d | nn.MaxPool2d | nn.MaxPool3d):
        return max_pool(module, {nn.MaxPool1d: 1, nn.MaxPool2d: 2, nn.MaxPool3d: 3}[type(module)])
    if isinstance(module, _BATCH_NORM):
        return f"{name} uses the statistics of the batch: the score is no function of one sample"
    return f"no rule for {name}"


def stretch_of_function(target: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Stretch | str:
    """The same for a function or method (by name) with its concrete arguments."""
    name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    if target in _FUNCTIONS:
        return Stretch(_FUNCTIONS[target](*arguments, **keywords), f"{name}: largest slope")
    if target is F.dropout and not keywords.get("training", True):
        return Stretch(1.0, "dropout: identity in eval mode")
    return f"no rule for {name}()"


def normalisation(weight: Tensor | None, epsilon: float, name: str) -> Stretch:
    """max|gamma| / sqrt(eps), attained at a constant input: true, and too large to be of use."""
    gain = 1.0 if weight is None else float(weight.detach().abs().max())
    return Stretch(gain / math.sqrt(epsilon) * (1 + 1e-15), f"{name}: max|gamma| / sqrt(eps)", vacuous=True)


def max_pool(module: nn.MaxPool1d | nn.MaxPool2d | nn.MaxPool3d, axes: int) -> Stretch | str:
    """sqrt of the largest number of windows that a pixel is in: prod ceil(k / s); attained."""

    def each(value: Any) -> tuple[int, ...]:
        return tuple(value) if isinstance(value, tuple) else (int(value),) * axes

    if set(each(module.dilation)) != {1}:
        return "no rule for dilated max-pooling"
    windows = math.prod(-(-k // s) for k, s in zip(each(module.kernel_size), each(module.stride), strict=True))
    return Stretch(math.sqrt(windows), "MaxPool: sqrt of the windows that share a pixel")
