"""The critic against the exact potentials of its samples: order, slope along matched pairs, direction of gradients.

What there is to be found is told by a reference: the exact potentials of ANOTHER replicate, each defined at this one's
points by its c-transform. It is what n samples of the laws teach about n others, and no perfect critic: one that is
optimal for the laws knows nothing of what sampling adds to the potentials, which at many dimensions is most of them,
and partly alike in all samples. So the reference says whether there is an order to be found at this n and dimension,
and no critic is bad for staying below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wganalyze import Measurement, Rows, Samples, Study, Yielded
from wganalyze.statistics import student_t
from wganalyze.transport import Array, as_points, cost_blocks, paired_cost
from wganalyze_plugins.critic_gap.estimates import ends, mean
from wganalyze_plugins.critic_gap.gradients import why_none
from wganalyze_plugins.critic_gap.pairs import Pair, oriented
from wganalyze_plugins.critic_gap.segments import Segments, matched

OTHERS = "other samples"
FEW = 256
NONE = (np.empty(0), np.empty(0))
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


@dataclass(frozen=True, eq=False)
class Judged:
    """What is said of a function on one replicate; None, or empty, where that is no number.

    ``real``, ``fake``: rank correlation with the potentials of that side. ``slopes``: along matched pairs, (k,).
    ``cosines``: of its gradient with the transport direction, (k,), on segments of ``lengths`` (k,).
    """

    real: float | None
    fake: float | None
    slopes: Array
    cosines: Array
    lengths: Array

    @property
    def rank(self) -> float | None:
        """The mean of both sides."""
        return None if self.real is None or self.fake is None else (self.real + self.fake) / 2


@dataclass(frozen=True, eq=False)
class Extended:
    """A potential of a transport, defined everywhere by the other one: min_k (c(z, anchors_k) - potential_k).

    u from the generated samples and v; v from the real ones and u.
    """

    anchors: Array
    potential: Array

    def at(self, points: Array) -> tuple[Array, npt.NDArray[np.intp]]:
        """Its values (k,) and the numbers of the anchors that attain them (k,): it rises straight away from those."""
        values, nearest = np.empty(len(points)), np.empty(len(points), dtype=np.intp)
        for rows, costs in cost_blocks(points, self.anchors):
            costs -= self.potential
            nearest[rows] = costs.argmin(axis=1)
            values[rows] = costs.min(axis=1)
        return values, nearest


def extended(study: Study, pair: Pair) -> tuple[Extended, Extended]:
    """u and v of a replicate, everywhere."""
    (u, v), r = pair.transport.potentials, pair.replicate
    x, y = (as_points(side(replicate=r).points, "points") for side in (study.real, study.fake))
    return Extended(y, v), Extended(x, u)


def potentials(
    study: Study,
    pairs: Sequence[Pair],
    segments: Sequence[Segments | None],
    judged: Mapping[str, Sequence[Judged]],
) -> Iterator[Yielded]:
    """The rows and the table."""
    critic, others = judged["critic"], judged.get(OTHERS)
    constant = "the critic, or the exact potential, gives all samples one value: they have no order"
    second = "other samples take a second replicate" if others is None else constant
    yield _measured(study, "potential_rank", critic, "potential_rank", constant)
    yield _measured(study, "potential_rank_reference", others, "potential_rank", second)
    yield _measured(study, "matched_slope", critic, "matched_slope", "W1 is 0: the two samples are equal")
    yield _measured(study, "gradient_cosine", critic, "gradient_cosine", _why_none(study, segments))
    yield _perfect(study, pairs)
    rows = [row for of, found in judged.items() for row in _rows(of, found)]
    if rows:
        yield Rows("potentials", rows)


def judge(study: Study, pairs: Sequence[Pair], segments: Sequence[Segments | None]) -> Mapping[str, list[Judged]]:
    """The critic and the reference, on each replicate."""
    there = not _why_none(study, segments)
    found = {"critic": [_critic(study, p, s, with_gradients=there) for p, s in zip(pairs, segments, strict=True)]}
    if len(pairs) > 1:
        others = [extended(study, pairs[(k + 1) % len(pairs)]) for k in range(len(pairs))]
        each = zip(others, pairs, segments, strict=True)
        found[OTHERS] = [_reference(study, other, p, s) for other, p, s in each]
    return found


def _critic(study: Study, pair: Pair, segments: Segments | None, *, with_gradients: bool) -> Judged:
    x, y = study.real(replicate=pair.replicate), study.fake(replicate=pair.replicate)
    fx, fy = oriented(study, x, y)
    u, v = pair.transport.potentials
    rows, columns = matched(pair)
    costs = paired_cost(as_points(x.points[rows], "real"), as_points(y.points[columns], "fake"))
    apart = costs > 0
    slopes = (fx[rows] - fy[columns])[apart] / costs[apart]
    cosines = NONE
    if segments is not None and with_gradients:
        cosines = _cosines(study.orientation * study.gradient(segments.points), segments)
    return Judged(_rank(fx, u), _rank(fy, -v), slopes, *cosines)


def _reference(study: Study, other: tuple[Extended, Extended], pair: Pair, segments: Segments | None) -> Judged:
    """On the first FEW samples of either side, which are enough for a mean."""
    x, y = (_few(side(replicate=pair.replicate)) for side in (study.real, study.fake))
    (on_x, _), (on_y, _) = (each.at(points) for each, points in zip(other, (x, y), strict=True))
    u, v = pair.transport.potentials
    cosines = NONE
    if segments is not None:
        points = as_points(segments.points.points, "points")
        cosines = _cosines(points - other[0].anchors[other[0].at(points)[1]], segments)
    return Judged(_rank(on_x, u[: len(x)]), _rank(on_y, v[: len(y)]), np.empty(0), *cosines)


def _why_none(study: Study, segments: Sequence[Segments | None]) -> str:
    return why_none(study, [None if each is None else each.points for each in segments])


def _few(samples: Samples) -> Array:
    return as_points(samples.points[:FEW], "points")


def _rank(scores: Array, potential: Array) -> float | None:
    """Spearman's; None where either is constant."""
    from scipy.stats import rankdata

    first, second = rankdata(scores), rankdata(potential)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _cosines(gradients: Array, segments: Segments) -> tuple[Array, Array]:
    """With the lengths of their segments; where a gradient is 0, so is its cosine."""
    norms = np.linalg.norm(gradients, axis=1)
    finite = np.isfinite(norms)
    along = np.einsum("ij,ij->i", gradients[finite], segments.directions[finite])
    cosines = np.divide(along, norms[finite], out=np.zeros_like(along), where=norms[finite] > 0)
    return cosines, segments.lengths[finite]


def of_replicates(judged: Sequence[Judged], quantity: str) -> list[float] | None:
    """A number of each replicate; None where one is missing."""
    values = [_of(each, quantity) for each in judged]
    found = [value for value in values if value is not None]
    return found if found and len(found) == len(values) else None


def _of(judged: Judged, quantity: str) -> float | None:
    if quantity == "potential_rank":
        return judged.rank
    if quantity == "matched_slope":
        return float(np.median(judged.slopes)) if judged.slopes.size else None
    return float(np.average(judged.cosines, weights=judged.lengths)) if judged.cosines.size else None


def _measured(study: Study, metric: str, judged: Sequence[Judged] | None, quantity: str, reason: str) -> Measurement:
    values = None if judged is None else of_replicates(judged, quantity)
    return Measurement.absent(metric, reason) if values is None else mean(study, metric, values)


def _perfect(study: Study, pairs: Sequence[Pair]) -> Measurement:
    """A potential of the laws has slope 1, so that its mean cosine along segments is its loss over their length."""
    metric, values = "gradient_cosine_perfect", [pair.transport.value for pair in pairs]
    if not study.known_w1:
        return Measurement.absent(metric, "W1 of the laws is not known")
    if not min(values) > 0:
        return Measurement.absent(metric, "W1 is 0: the two samples are equal")
    return mean(study, metric, [study.known_w1 / value for value in values])


def _rows(of: str, judged: Sequence[Judged]) -> Iterator[dict[str, float | str | None]]:
    for quantity, place, each in (
        ("rank correlation with the potential", "real", [j.real for j in judged]),
        ("rank correlation with the potential", "fake", [j.fake for j in judged]),
        ("slope", "matched pairs", [j.slopes for j in judged]),
        ("cosine of the gradient", "between matched pairs", [j.cosines for j in judged]),
    ):
        arrays = [np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in each if value is not None]
        if len(arrays) < len(judged) or not all(array.size for array in arrays):
            continue
        together = np.concatenate(arrays)
        many = len(together) > len(arrays)
        yield {
            "of": of,
            "quantity": quantity,
            "place": place,
            **ends("value", student_t([float(array.mean()) for array in arrays])),
            **{name: float(np.quantile(together, q)) if many else None for name, q in QUANTILES.items()},
        }
