"""Functions of one number: between which bounds their slopes lie, on the whole line and on an interval.

The slope of each is monotone between its ``turns``: there it has a kink or an extreme. Constants are those of SCIENCE,
rounded outward; each is a one-dimensional maximum of the derivative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations as kind_of

from wganalyze_plugins.lipschitz.bounds.rules.names import targets

GELU, GELU_TANH, SILU, MISH = (-0.1290, 1.1290), (-0.1291, 1.1291), (-0.0999, 1.0999), (-0.1127, 1.0886)
SELU_BELOW, SELU_ABOVE = 1.7581, 1.0508
HARDSIGMOID = 0.1667
"""torch's gradient takes 1 / 6 in float32."""
ERF = 1.1284


@dataclass(frozen=True)
class Activation:
    """``turns``: (place, least, largest slope there and right beside); ``far``: slopes at minus and plus infinity.

    ``below``: of one that has slope 1 above 0 and is linear on either side, its slope below 0, by channel perhaps.
    ``wild``: the turns are too many to name; slopes on an interval are those of the line.
    """

    turns: tuple[tuple[float, float, float], ...]
    far: tuple[float, float]
    below: float | Tensor | None = None
    wild: bool = False
    note: str = ""

    @property
    def least(self) -> float:
        """The least slope."""
        return min(*self.far, *(low for _, low, _ in self.turns), math.inf)

    @property
    def largest(self) -> float:
        """The largest slope."""
        return max(*self.far, *(high for _, _, high in self.turns), -math.inf)

    @property
    def steepest(self) -> float:
        """The largest |slope|: the Lipschitz constant."""
        return max(abs(self.least), abs(self.largest))


STEP = Activation(((0.0, 0.0, 1.0),), (0.0, 1.0), below=0.0)
"""relu."""
JUMPS = "jumps: no slope bounds it"


def _leaky(negative_slope: float = 0.01, inplace: bool = False) -> Activation:
    low, high = min(1.0, negative_slope), max(1.0, negative_slope)
    return Activation(((0.0, low, high),), (negative_slope, 1.0), below=float(negative_slope))


def _rrelu(lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False) -> Any:
    return "is random in train mode" if training else _leaky((lower + upper) / 2)


def _prelu(weight: Tensor) -> Activation:
    below = weight.detach().double().cpu()
    low, high = min(1.0, float(below.min())), max(1.0, float(below.max()))
    return Activation(((0.0, low, high),), (low, high), below=below)


def _hardtanh(min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Activation:
    return Activation(((min_val, 0.0, 1.0), (max_val, 0.0, 1.0)), (0.0, 0.0))


def _clamp(min: Any = None, max: Any = None) -> Activation | str:
    if not all(each is None or isinstance(each, int | float) for each in (min, max)):
        return "has bounds that are tensors"
    turns = tuple((float(each), 0.0, 1.0) for each in (min, max) if each is not None)
    return Activation(turns, (1.0 if min is None else 0.0, 1.0 if max is None else 0.0))


def _threshold(threshold: float, value: float, inplace: bool = False) -> Activation | str:
    if threshold != value:
        return JUMPS
    return Activation(((float(threshold), 0.0, 1.0),), (0.0, 1.0), below=0.0 if threshold == 0 else None)


def _hardshrink(lambd: float = 0.5) -> Activation | str:
    return JUMPS if lambd > 0 else Activation((), (1.0, 1.0))


def _softshrink(lambd: float = 0.5) -> Activation | str:
    if lambd < 0:
        return JUMPS
    return Activation(((-lambd, 0.0, 1.0), (lambd, 0.0, 1.0)) if lambd else (), (1.0, 1.0))


def _softplus(beta: float = 1.0, threshold: float = 20.0) -> Activation | str:
    """1; but beyond its threshold torch returns x instead: a jump, which is large where that or beta is small."""
    if threshold < 20 or abs(beta) < 1e-3:
        return JUMPS
    return Activation(
        (), (0.0, 1.0) if beta > 0 else (1.0, 0.0), note=", but for a jump of 2.1e-9 / beta at its threshold"
    )


def _elu(alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0, inplace: bool = False) -> Activation | str:
    above, below = float(scale), alpha * scale * input_scale  # F.elu's ``inplace``, by position, is a scale of 1 or 0
    if scale is False or (scale == 1 and input_scale == 1):
        above, below = 1.0, alpha
    elif input_scale < 0:
        return "grows like exp"
    return Activation(((0.0, min(above, below), max(above, below)),), (0.0, above))


def _celu(alpha: float = 1.0, inplace: bool = False) -> Activation | str:
    return Activation(((0.0, 1.0, 1.0),), (0.0, 1.0)) if alpha > 0 else "grows like exp"


def _gelu(approximate: str = "none") -> Activation:
    low, high = GELU if approximate == "none" else GELU_TANH
    place = math.sqrt(2) if approximate == "none" else 1.4185040
    return Activation(((-place, low, low), (place, high, high)), (0.0, 1.0))


def _power(exponent: Any) -> Activation | str:
    if not isinstance(exponent, int | float) or exponent != int(exponent) or exponent < 1:
        return "has an exponent that is no positive whole number"
    if exponent == 1:
        return Activation((), (1.0, 1.0))
    return Activation(((0.0, 0.0, 0.0),), (-math.inf if exponent % 2 == 0 else math.inf, math.inf))


def _plain(act: Activation) -> Callable[..., Activation]:
    return lambda inplace=False: act


RULES: Mapping[str, Callable[..., Activation | str]] = {
    "relu": _plain(STEP),
    "relu6": lambda inplace=False: _hardtanh(0.0, 6.0),
    "leaky_relu": _leaky,
    "rrelu": _rrelu,
    "prelu": _prelu,
    "tanh": _plain(Activation(((0.0, 1.0, 1.0),), (0.0, 0.0))),
    "hardtanh": _hardtanh,
    "clamp": _clamp,
    "clamp_min": lambda min: _clamp(min, None),
    "clamp_max": lambda max: _clamp(None, max),
    "softsign": _plain(Activation(((0.0, 1.0, 1.0),), (0.0, 0.0))),
    "softplus": _softplus,
    "logsigmoid": _plain(Activation((), (1.0, 0.0))),
    "sigmoid": _plain(Activation(((0.0, 0.25, 0.25),), (0.0, 0.0))),
    "hardsigmoid": _plain(Activation(((-3.0, 0.0, HARDSIGMOID), (3.0, 0.0, HARDSIGMOID)), (0.0, 0.0))),
    "elu": _elu,
    "celu": _celu,
    "selu": _plain(Activation(((0.0, SELU_ABOVE - 1e-4, SELU_BELOW),), (0.0, SELU_ABOVE))),
    "gelu": _gelu,
    "silu": _plain(Activation(((-2.3993573, SILU[0], SILU[0]), (2.3993573, SILU[1], SILU[1])), (0.0, 1.0))),
    "mish": _plain(Activation(((-2.2563764, MISH[0], MISH[0]), (1.4905712, MISH[1], MISH[1])), (0.0, 1.0))),
    "hardswish": _plain(Activation(((-3.0, -0.5, 0.0), (3.0, 1.0, 1.5)), (0.0, 1.0))),
    "softshrink": _softshrink,
    "tanhshrink": _plain(Activation(((0.0, 0.0, 0.0),), (1.0, 1.0))),
    "threshold": _threshold,
    "hardshrink": _hardshrink,
    "abs": _plain(Activation(((0.0, -1.0, 1.0),), (-1.0, 1.0), below=-1.0)),
    "atan": _plain(Activation(((0.0, 1.0, 1.0),), (0.0, 0.0))),
    "asinh": _plain(Activation(((0.0, 1.0, 1.0),), (0.0, 0.0))),
    "erf": _plain(Activation(((0.0, ERF, ERF),), (0.0, 0.0))),
    "sin": _plain(Activation((), (-1.0, 1.0), wild=True)),
    "cos": _plain(Activation((), (-1.0, 1.0), wild=True)),
    "square": lambda: _power(2),
    "pow": _power,
    "exp": _plain(Activation((), (0.0, math.inf))),
}
"""Name -> the activation, by torch's own arguments; or why it has no largest slope."""

MODULES: Mapping[type[nn.Module], tuple[str, tuple[str, ...]]] = {
    nn.ReLU: ("relu", ()),
    nn.ReLU6: ("relu6", ()),
    nn.LeakyReLU: ("leaky_relu", ("negative_slope",)),
    nn.RReLU: ("rrelu", ("lower", "upper", "training")),
    nn.PReLU: ("prelu", ("weight",)),
    nn.Tanh: ("tanh", ()),
    nn.Hardtanh: ("hardtanh", ("min_val", "max_val")),
    nn.Softsign: ("softsign", ()),
    nn.Softplus: ("softplus", ("beta", "threshold")),
    nn.LogSigmoid: ("logsigmoid", ()),
    nn.Sigmoid: ("sigmoid", ()),
    nn.Hardsigmoid: ("hardsigmoid", ()),
    nn.ELU: ("elu", ("alpha",)),
    nn.CELU: ("celu", ("alpha",)),
    nn.SELU: ("selu", ()),
    nn.GELU: ("gelu", ("approximate",)),
    nn.SiLU: ("silu", ()),
    nn.Mish: ("mish", ()),
    nn.Hardswish: ("hardswish", ()),
    nn.Softshrink: ("softshrink", ("lambd",)),
    nn.Tanhshrink: ("tanhshrink", ()),
    nn.Threshold: ("threshold", ("threshold", "value")),
    nn.Hardshrink: ("hardshrink", ("lambd",)),
}
FUNCTIONS: Mapping[Any, str] = targets(*RULES)


def of_module(module: nn.Module) -> Activation | str | None:
    """The activation that a layer is, or why it has no largest slope; None where it is none."""
    if kind_of(module) not in MODULES:
        return None
    name, attributes = MODULES[kind_of(module)]
    return RULES[name](**{each: getattr(module, each) for each in attributes})


def of_call(target: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Activation | str | None:
    """The same of a function or a method; ``arguments``: the concrete ones, the first being the input."""
    if target not in FUNCTIONS:
        return None
    try:
        return RULES[FUNCTIONS[target]](*arguments[1:], **keywords)
    except TypeError:
        return "has arguments without a rule"
