"""What is known of a layer: is it affine, reshaping, or how much can it stretch? The constants of SCIENCE, rounded up.

A layer without a rule has no bound, and neither has a critic that contains it: never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.nn.utils.parametrize import type_before_parametrizations as kind_of

from wganalyze_plugins.lipschitz.bounds.rules import activations, normalising, ordering, pooling
from wganalyze_plugins.lipschitz.bounds.rules.activations import Activation
from wganalyze_plugins.lipschitz.bounds.rules.affine import (
    ADDING_FUNCTIONS,
    BATCH_NORM,
    CONCATENATING_FUNCTIONS,
    RANDOM_IN_TRAINING,
)
from wganalyze_plugins.lipschitz.bounds.rules.names import spelt, targets
from wganalyze_plugins.lipschitz.bounds.rules.stretch import Stretch

__all__ = [
    "ADDING_FUNCTIONS",
    "CONCATENATING_FUNCTIONS",
    "GATES",
    "SQUASHING",
    "Activation",
    "Stretch",
    "activation_of_function",
    "activation_of_module",
    "altered",
    "is_dropout_off",
    "name_of",
    "stretch_of_function",
    "stretch_of_module",
]

BOX_ONLY = "no largest slope on the whole space; over a box (domain) it has one"
GATES = targets("glu")
SQUASHING = targets("sigmoid")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_DROPOUT = targets("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")


def stretch_of_module(module: nn.Module, shape: Sequence[int] = ()) -> Stretch | str:
    """The Lipschitz constant of a layer that is not affine, or why there is none.

    ``shape``: of its input, without the batch; some rules depend on it.
    """
    kind = kind_of(module)
    name = kind.__name__
    if module.training and kind in RANDOM_IN_TRAINING:
        return f"{name} is random in train mode"
    if kind in BATCH_NORM:
        return f"{name} uses the statistics of the batch: the score is no function of one sample"
    act = activations.of_module(module)
    if act is not None:
        return _slope(act, name)
    if kind is nn.GLU:
        return f"{name} has {BOX_ONLY}"
    found = pooling.of_module(module, shape) or normalising.of_module(module, shape)
    return _told(found, name)


def stretch_of_function(
    target: Any, arguments: Sequence[Any], keywords: Mapping[str, Any], shape: Sequence[int] = ()
) -> Stretch | str:
    """The same for a function or method (by name) with its concrete arguments, the input's being the first."""
    name = name_of(target)
    act = activations.of_call(target, arguments, keywords)
    if act is not None:
        return _slope(act, name)
    if target in GATES:
        return f"{name} has {BOX_ONLY}"
    if is_dropout_off(target, arguments, keywords):
        return Stretch(1.0, "dropout: identity in eval mode")
    try:
        found = (
            pooling.of_call(target, arguments, keywords, shape)
            or normalising.of_call(target, arguments, keywords, shape)
            or ordering.of_call(target, arguments, keywords, shape)
        )
    except TypeError:
        found = None
    return _told(found, f"{name}()")


def activation_of_module(module: nn.Module) -> Activation | None:
    """The activation that a layer is; None where it is none, or none that the layer has a slope for."""
    act = activations.of_module(module)
    return act if isinstance(act, Activation) else None


def activation_of_function(target: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Activation | None:
    """The same of a function or method."""
    act = activations.of_call(target, arguments, keywords)
    return act if isinstance(act, Activation) else None


def is_dropout_off(target: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
    """Is it dropout that is off, and so the identity?"""
    return target in _DROPOUT and not keywords.get("training", arguments[2] if len(arguments) > 2 else True)


def name_of(target: Any) -> str:
    """Of a function or a method, for people."""
    return spelt(target)


def altered(module: nn.Module) -> str:
    """Why a layer may not do what its class does; "" where nothing was put into it.

    The hooks of torch.nn.utils (spectral_norm, weight_norm, prune) only set the weight, before it is read.
    """
    hooks = [hook for name in _HOOKS for hook in getattr(module, name).values()]
    if any(not type(hook).__module__.startswith("torch.nn.utils.") for hook in hooks):
        return "hooks change what it does"
    replaced = [name for name in vars(module) if callable(getattr(type(module), name, None))]
    return f"its {', '.join(replaced)} was replaced" if replaced else ""


def _told(found: Stretch | str | None, name: str) -> Stretch | str:
    if found is None:
        return f"no rule for {name}"
    return f"{name} {found}" if isinstance(found, str) and name.rstrip("()") not in found else found


def _slope(act: Activation | str, name: str) -> Stretch | str:
    if isinstance(act, str):
        return f"{name} has no largest slope: it {act}"
    if not math.isfinite(act.steepest):
        return f"{name} has {BOX_ONLY}"
    return Stretch(act.steepest, f"{name}: largest slope{act.note}")
