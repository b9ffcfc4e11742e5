"""Points between optimally matched samples: there an optimal potential has slope 1, along the segment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wganalyze import Samples, Split, Study
from wganalyze_plugins.critic_gap.pairs import Pair

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from wganalyze.transport import Array

    Indices = npt.NDArray[np.integer[Any]]

MOST = 128
"""Segments a replicate."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Of one replicate.

    ``points``: one on each segment, at a uniform share of its way. ``directions``: (k, d), unit, from the generated
    sample to the real one that it is matched with; ``lengths``: (k,).
    """

    points: Samples
    directions: Array
    lengths: Array


def matched(pair: Pair) -> tuple[Indices, Indices]:
    """The numbers of matched real and generated samples, (k,) each, in order of the real ones."""
    import numpy as np
    from scipy.sparse import coo_array

    plan = coo_array(pair.transport.plan)
    order = np.argsort(plan.row, kind="stable")
    return plan.row[order], plan.col[order]


def segments_of(study: Study, pair: Pair) -> Segments | None:
    """The first MOST matched pairs that are apart; None where all coincide. Labelled as the generated samples."""
    import numpy as np

    r = pair.replicate
    x, y = study.real(replicate=r), study.fake(replicate=r)
    rows, columns = (index[:MOST] for index in matched(pair))
    ways = x.points[rows].astype(np.float64) - y.points[columns]
    lengths = np.linalg.norm(ways, axis=1)
    apart = lengths > 0
    if not apart.any():
        return None
    ways, lengths, columns = ways[apart], lengths[apart], columns[apart]
    share = Split("transport segments", r).rng(study.seed).uniform(size=(len(ways), 1))
    ends = y.take(columns)
    points = ends.with_points((ends.points + share * ways).astype(ends.points.dtype))
    key = ("transport segments", *x.key, *y.key) if x.key and y.key else ()
    return Segments(replace(points, key=key), ways / lengths[:, None], lengths)
