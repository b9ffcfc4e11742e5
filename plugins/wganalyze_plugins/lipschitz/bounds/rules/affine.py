"""What is affine in its input, and what only moves numbers: layers, functions and methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrize import type_before_parametrizations as kind_of

from wganalyze_plugins.lipschitz.bounds.rules.names import of_both, spelt, targets

_EACH = ("1d", "2d", "3d")


def _layers(*names: str) -> list[type[nn.Module]]:
    found = [getattr(nn, f"{name}{size}", None) for name in names for size in _EACH]
    return [kind for kind in found if kind is not None]


WEIGHTED: frozenset[type[nn.Module]] = frozenset([nn.Linear, *_layers("Conv", "ConvTranspose")])
"""Layers whose weight is their matrix, or gives it."""
_POSITIVE = ("AvgPool", "AdaptiveAvgPool", "ZeroPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "CircularPad")
AFFINE_MODULES: frozenset[type[nn.Module]] = frozenset(
    [
        *WEIGHTED,
        *_layers(*_POSITIVE),
        nn.Upsample,
        nn.UpsamplingNearest2d,
        nn.UpsamplingBilinear2d,
        nn.Fold,
        nn.Unfold,
    ]
)
_DROPOUT: tuple[type[nn.Module], ...] = (nn.Dropout, *_layers("Dropout"), nn.AlphaDropout, nn.FeatureAlphaDropout)
RESHAPING_MODULES: frozenset[type[nn.Module]] = frozenset(
    [nn.Flatten, nn.Unflatten, nn.Identity, nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle, *_DROPOUT]
)
RANDOM_IN_TRAINING = frozenset([*_DROPOUT, nn.RReLU])
BATCH_NORM = frozenset([*_layers("BatchNorm"), nn.SyncBatchNorm])
INSTANCE_NORM = frozenset(_layers("InstanceNorm"))

MULTIPLYING = targets(
    "matmul", "mm", "linear", "convolution", *(f"{name}{n}" for name in ("conv", "conv_transpose") for n in _EACH)
)
"""Functions that are linear in the input and in the weight."""
MONOTONE = targets(
    "mean", "sum", "interpolate", "pad", "cumsum", "unfold", "fold",
    "getitem", "index", "slice", "narrow", "select", "index_select", "repeat", "tile", "expand", "broadcast_to",
    "expand_as", "repeat_interleave", "diagonal", "tril", "triu", "take_along_dim",
    *(f"{name}{size}" for name in ("avg_pool", "adaptive_avg_pool") for size in _EACH),
)  # fmt: skip
"""Functions whose results are sums of numbers of the input with weights that are not negative (bicubic: some are)."""
SCALING = targets("mul", "div", "neg")
ADDING = targets("add", "sub", "rsub")
RESHAPING = targets(
    "flatten", "reshape", "reshape_as", "ravel", "view", "view_as", "squeeze", "unsqueeze", "permute", "transpose",
    "swapaxes", "swapdims", "movedim", "moveaxis", "t", "adjoint", "contiguous", "unflatten", "double", "to", "type_as",
    "clone", "flip", "fliplr", "flipud", "roll", "rot90", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle",
    "native_channel_shuffle",
)  # fmt: skip
DIVIDING = targets("chunk", "split", "tensor_split", "unbind", "split_with_sizes")
"""Functions that give several parts of the input."""

AFFINE_FUNCTIONS: frozenset[Any] = frozenset([*MULTIPLYING, *MONOTONE, *SCALING])
"""Affine in the first argument, the others being constants."""
ADDING_FUNCTIONS: frozenset[Any] = frozenset(ADDING)
RESHAPING_FUNCTIONS: frozenset[Any] = frozenset(RESHAPING)
DIVIDING_FUNCTIONS: frozenset[Any] = frozenset(DIVIDING)
JOINING = targets("cat", "stack", "hstack")
CONCATENATING_FUNCTIONS: frozenset[Any] = frozenset(JOINING)
RENEWING: frozenset[Any] = frozenset([*MULTIPLYING, *SCALING, *ADDING, *JOINING])
"""Functions whose result has memory of its own, where their name does not end with ``_``."""
EITHER_SIDE: frozenset[Any] = of_both(["mul", "matmul", "mm"])
"""Affine in the second argument too, the first being a constant."""
ANY_PLACE: frozenset[Any] = frozenset([*ADDING, *targets("addmm")])
"""Affine in each argument, the others being constants."""
NOT_AFFINE = frozenset(["out", "rounding_mode"])
"""Keywords that make more of these functions than an affine map."""
TRANSPOSED = frozenset(["T", "mT", "H", "mH"])
"""Attributes."""


def is_affine(module: nn.Module) -> bool:
    """Affine in its input, in eval mode."""
    kind = kind_of(module)
    if kind in BATCH_NORM | INSTANCE_NORM:
        return bool(module.track_running_stats) and module.running_mean is not None and not module.training
    return kind in AFFINE_MODULES


def is_reshaping(module: nn.Module) -> bool:
    """Moves numbers without changing them; dropout does so in eval mode only."""
    kind = kind_of(module)
    return kind in RESHAPING_MODULES and not (module.training and kind in RANDOM_IN_TRAINING)


def is_affine_call(target: Any, place: int | str, keywords: Mapping[str, Any]) -> bool:
    """Affine in the argument at ``place``, where no other one depends on the input? Functions and methods."""
    if keywords.keys() & NOT_AFFINE:
        return False
    whole = AFFINE_FUNCTIONS | RESHAPING_FUNCTIONS | DIVIDING_FUNCTIONS | CONCATENATING_FUNCTIONS
    first = target in whole and place == 0
    return first or target in ANY_PLACE or (target in EITHER_SIDE and place == 1)


def is_folded_call(target: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
    """Normalisation by stored statistics: affine in the first argument, and in each number by itself."""
    if target is F.batch_norm:
        return not keywords.get("training", arguments[5] if len(arguments) > 5 else False)
    if target is F.instance_norm:
        stored = keywords.get("running_mean", arguments[1] if len(arguments) > 1 else None) is not None
        return stored and not keywords.get("use_input_stats", arguments[5] if len(arguments) > 5 else True)
    return False


def is_folded(module: nn.Module) -> bool:
    """The same of layers."""
    return kind_of(module) in BATCH_NORM | INSTANCE_NORM and is_affine(module)


def overwrites(module: nn.Module | None, target: Any, keywords: Mapping[str, Any]) -> bool:
    """Does the operation write its result over its input?"""
    by_name = module is None and spelt(target).endswith("_")
    return by_name or bool(keywords.get("inplace")) or bool(getattr(module, "inplace", False))


def is_monotone(module: nn.Module) -> bool:
    """Like ``MONOTONE``, of layers: more of the input is more of the result."""
    kind = kind_of(module)
    if kind is nn.Upsample:
        return getattr(module, "mode", "") != "bicubic"
    if (getattr(module, "divisor_override", None) or 1) < 0:
        return False
    return is_reshaping(module) or (kind in AFFINE_MODULES and kind not in WEIGHTED)


def is_monotone_call(target: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
    """The same of functions."""
    divisor = keywords.get("divisor_override", arguments[6] if len(arguments) > 6 else None)
    turned = isinstance(divisor, int) and divisor < 0  # of an average; nothing else here takes a seventh argument
    return target in MONOTONE and keywords.get("mode") != "bicubic" and not turned
