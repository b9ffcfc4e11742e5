"""The dual of mini-batches, as training sees it, beside that of large samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wganalyze import Estimate, Rows, Study
from wganalyze_plugins.critic_gap.estimates import ends
from wganalyze_plugins.critic_gap.pairs import Pair, oriented


def batches(study: Study, pairs: Sequence[Pair], size: int) -> Iterator[Rows]:
    """The table, of batches of ``size`` (where two of them fit into a sample) and of n."""
    rows = []
    if 0 < size <= study.n // 2:
        rows.append(_row(size, _in_batches(study, size)))
    whole = {
        "dual_raw": study.estimate(lambda r: pairs[r].bounds.raw),
        "w1": study.estimate(lambda r: pairs[r].transport.value),
        "dual_c": study.estimate(lambda r: pairs[r].bounds.c),
    }
    rows.append(_row(study.n, whole))
    yield Rows("batches", rows)


def _in_batches(study: Study, size: int) -> dict[str, Estimate]:
    """Scores in eval mode, which do not depend on the batch."""
    import numpy as np

    from wganalyze.transport import c_transform_duals, wasserstein
    from wganalyze_plugins.batches import blocks, student

    found: dict[str, list[float]] = {"dual_raw": [], "w1": [], "dual_c": []}
    for r in range(study.replicates):
        x, y = study.real(replicate=r), study.fake(replicate=r)
        xs, ys = blocks(x, size), blocks(y, size)
        fx, fy = (scores[: len(xs) * size].reshape(-1, size) for scores in oriented(study, x, y))
        found["dual_raw"] += (fx.mean(axis=1) - fy.mean(axis=1)).tolist()
        # One by one: what solves many at once computes in parallel, and few are not worth the threads.
        found["w1"] += [wasserstein(*batch).value for batch in zip(xs, ys, strict=True)]
        found["dual_c"] += [max(c_transform_duals(*batch)) for batch in zip(fx, fy, xs, ys, strict=True)]
    return {name: student(np.array(values)) for name, values in found.items()}


def _row(size: int, found: dict[str, Estimate]) -> dict[str, float | int | str | None]:
    numbers: dict[str, float | None] = {}
    for name, estimate in found.items():
        numbers |= ends(name, estimate)
    return {"size": size, "batches": found["w1"].replicates, **numbers, "mode": "eval"}
