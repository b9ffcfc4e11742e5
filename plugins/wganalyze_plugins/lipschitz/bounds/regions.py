"""The exact Lipschitz constant of a piecewise linear critic of two inputs: all its linear regions, bounded or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wganalyze_plugins.lipschitz.bounds.chains import Chain, matrix, offset
from wganalyze_plugins.lipschitz.lower import OPEN, Deadline

Array = npt.NDArray[np.float64]
MOST = 400_000
"""Regions after which the enumeration gives up."""
NEAR = 1e-13
"""Distance of a corner from a line, in units of its own length, of which rounding does not tell the side."""
QUADRANTS = ((1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0))


@dataclass(frozen=True)
class Exact:
    """``value``: the largest gradient of all regions; ``place``: a point of that region, (2,)."""

    value: float
    regions: int
    place: tuple[float, float]


def applies(chain: Chain) -> bool:
    """Two inputs, and activations that are linear on either side of 0."""
    return chain.maps[0].sides[0] == 2 and all(kink is not None for kink in chain.kinks)


def exact_constant(chain: Chain, until: Deadline = OPEN, most: int = MOST) -> Exact | str:
    """Divide the plane at the kinks of layer after layer; on each region the critic is affine.

    Points are (x, y, w), w >= 0, up to scale: corners at infinity are corners like others, and the regions cover the
    whole plane. Exact up to rounding. A reason where there are too many regions, or where a corner lies so near to
    another kink, and not on it, that a thin region might be missed.
    """
    layers = [np.hstack([matrix(each).numpy(), offset(each).numpy()[:, None]]) for each in chain.maps]
    cells = [(_quadrant(x, y), np.eye(3), b"") for x, y in QUADRANTS]
    for layer, kink in zip(layers[:-1], chain.kinks, strict=True):
        assert kink is not None
        below = np.broadcast_to(kink.numpy(), len(layer))
        divided: list[tuple[Array, Array, bytes]] = []
        for corners, through, pattern in cells:
            if until.is_over:
                return f"time was over at {len(divided)} regions of a layer"
            values = layer @ through
            parts = _divide(corners, values)
            if parts is None:
                return "kinks nearly meet: a region thinner than rounding might be missed"
            for part in parts:
                active = values @ part.sum(0) > 0
                onward = np.vstack([np.where(active, 1.0, below)[:, None] * values, [0.0, 0.0, 1.0]])
                divided.append((part, onward, pattern + np.packbits(active).tobytes()))
            if len(divided) > most:
                return f"more than {most} linear regions"
        cells = divided
    gradients = np.array([layers[-1] @ through for _, through, _ in cells])[:, 0, :2]
    norms = np.hypot(*gradients.T)
    steepest = int(norms.argmax())
    inside = cells[steepest][0].sum(0)
    x, y, w = inside / np.linalg.norm(inside)
    regions = len({pattern for _, _, pattern in cells})
    return Exact(float(norms[steepest]), regions, (float(x / max(w, NEAR)), float(y / max(w, NEAR))))


def _quadrant(x: float, y: float) -> Array:
    """A quarter of the plane: two corners at infinity, and the origin."""
    return np.array([[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]])


def _divide(corners: Array, values: Array) -> list[Array] | None:
    """A convex region, (k, 3), in the parts that the zero lines of ``values``, (m, 3), cut it in; None: in doubt."""
    near = NEAR * np.linalg.norm(values, axis=1)
    heights = _sides(corners, values, near)
    if heights is None:
        return None
    parts = [corners]
    for line in np.flatnonzero((heights.min(0) < 0) & (heights.max(0) > 0)):
        pieces: list[Array] = []
        for part in parts:
            sides = _sides(part, values[line : line + 1], near[line : line + 1])
            if sides is None:
                return None
            pieces += _cut(part, sides[:, 0])
        parts = pieces
    return parts


def _sides(corners: Array, values: Array, near: Array) -> Array | None:
    """How far corners are from lines, (k, m); None where rounding does not tell the side of one that is not on a line.

    Corners at infinity are on the lines that are parallel to theirs, but for rounding.
    """
    heights = corners @ values.T
    close = np.abs(heights) <= near
    if close.any():
        if (heights[close & (corners[:, 2:] > 0)] != 0).any():
            return None
        heights[close] = 0.0
    return heights


def _cut(part: Array, heights: Array) -> list[Array]:
    if heights.min() >= 0 or heights.max() <= 0:
        return [part]
    above, below = [], []
    count = len(part)
    for k in range(count):
        here, there = heights[k], heights[(k + 1) % count]
        if here >= 0:
            above.append(part[k])
        if here <= 0:
            below.append(part[k])
        if here * there < 0:
            at = here * part[(k + 1) % count] - there * part[k]
            at = at / (np.linalg.norm(at) if here > there else -np.linalg.norm(at))
            above.append(at)
            below.append(at)
    return [np.array(above), np.array(below)]
