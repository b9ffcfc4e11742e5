"""The critic under the smoothed c-transform, for a sweep of epsilon: what a (c, eps)-trained critic maximises."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from wganalyze import Rows, Scalar, Study
from wganalyze.statistics import student_t
from wganalyze_plugins.critic_gap.estimates import average, ends
from wganalyze_plugins.critic_gap.pairs import Pair, oriented

BOUNDS = "the entropic cost; no lower bound of W1"


def smoothed(study: Study, pairs: Sequence[Pair], shares: Sequence[float]) -> Iterator[Rows]:
    """The table, of epsilons that are these shares of W1; nothing where W1 is 0."""
    import numpy as np

    from wganalyze.transport import as_points, entropic_c_transforms

    w1 = average([pair.transport.value for pair in pairs])
    if not w1 > 0 or not shares:
        return
    epsilons, found = [share * w1 for share in shares], []
    for r in range(study.replicates):
        x, y = study.real(replicate=r), study.fake(replicate=r)
        fx, _ = oriented(study, x, y)
        transformed = entropic_c_transforms(fx, as_points(x.points, "real"), as_points(y.points, "fake"), epsilons)
        found.append(fx.mean() + transformed.mean(axis=1))
    values, low = np.array(found), average([pair.bounds.c_first for pair in pairs])
    rows: list[dict[str, Scalar]] = []
    for share, epsilon, each in zip(shares, epsilons, values.T, strict=True):
        high = low + epsilon * math.log(study.n)
        rows.append(
            {
                "epsilon": epsilon,
                "epsilon_over_w1": share,
                **ends("value", student_t(each.tolist())),
                "bound_low": low,
                "bound_high": high,
                "w1": w1,
                "bounds": BOUNDS,
            }
        )
    yield Rows("smoothed", rows)
