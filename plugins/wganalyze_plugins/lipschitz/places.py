"""Where gradients are looked at: at real samples, at generated ones, and on the segments between them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wganalyze import Need, Samples, Split, Study

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


PLACES = ("real", "fake", "interpolate")
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
WITHOUT_DATA = 512


def sample_places(study: Study, most: int) -> dict[str, list[Samples] | str]:
    """Samples per replicate (``most`` at the most) for each place, or why there are none."""
    from wganalyze_plugins.batches import first

    if no_data := study.lacks(Need.REAL):
        generated = [study.fake(WITHOUT_DATA)] if study.has(Need.GENERATOR) else no_data
        return {"real": no_data, "fake": generated, "interpolate": no_data}
    reals = [first(study.real(replicate=r), most) for r in range(study.replicates)]
    if reason := study.lacks(Need.FAKE):
        return {"real": reals, "fake": reason, "interpolate": reason}
    fakes = [first(study.fake(replicate=r), most) for r in range(study.replicates)]
    draws = [Split("interpolates", r).rng(study.seed) for r in range(study.replicates)]
    between = [
        replace(interpolate(x, y, rng), key=("interpolates", *x.key, *y.key))
        for x, y, rng in zip(reals, fakes, draws, strict=True)
    ]
    return {"real": reals, "fake": fakes, "interpolate": between}


def interpolate(x: Samples, y: Samples, rng: np.random.Generator) -> Samples:
    """alpha x + (1 - alpha) y, one uniform alpha per SAMPLE (1704.00028, algorithm 1); labelled as y."""
    alpha = rng.uniform(size=(len(x), 1))
    return y.with_points((alpha * x.points + (1 - alpha) * y.points).astype(x.points.dtype))


def distribution(place: str, norms: npt.NDArray[np.float64]) -> dict[str, float | int | str]:
    """A row of the table of gradients, over all replicates."""
    import numpy as np

    return {
        "place": place,
        "count": len(norms),
        "mean": float(norms.mean()),
        "deviation": float(norms.std()),
        "least": float(norms.min()),
        **{name: float(np.quantile(norms, q)) for name, q in QUANTILES.items()},
        "largest": float(norms.max()),
    }
