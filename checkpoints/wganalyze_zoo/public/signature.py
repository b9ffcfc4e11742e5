"""Keys and shapes of layers, to compare a checkpoint with."""

from __future__ import annotations

from wganalyze import Shapes

Shape = tuple[int, ...]

_COUNTER = ".num_batches_tracked"


def linear(name: str, wide: int, narrow: int) -> dict[str, Shape]:
    """nn.Linear(wide, narrow)."""
    return {f"{name}.weight": (narrow, wide), f"{name}.bias": (narrow,)}


def convolution(name: str, wide: int, narrow: int, kernel: int, *, bias: bool = True) -> dict[str, Shape]:
    """nn.Conv2d(wide, narrow, kernel); transposed with ``wide`` and ``narrow`` exchanged, without a bias."""
    weight: dict[str, Shape] = {f"{name}.weight": (narrow, wide, kernel, kernel)}
    return {**weight, f"{name}.bias": (narrow,)} if bias else weight


def batch_norm(name: str, width: int) -> dict[str, Shape]:
    """nn.BatchNorm1d(width), or 2d."""
    vectors = ("weight", "bias", "running_mean", "running_var")
    return {**{f"{name}.{vector}": (width,) for vector in vectors}, name + _COUNTER: ()}


def axis(keys: Shapes, key: str, number: int) -> int:
    """Length of an axis; 0 where there is none."""
    shape = keys.get(key, ())
    return shape[number] if number < len(shape) else 0


def fits(keys: Shapes, expected: Shapes) -> bool:
    """The same keys and shapes? The counters of BatchNorm, which older files lack, may all be missing."""
    if not any(key.endswith(_COUNTER) for key in keys):
        expected = {key: shape for key, shape in expected.items() if not key.endswith(_COUNTER)}
    return {key: tuple(shape) for key, shape in keys.items()} == expected
