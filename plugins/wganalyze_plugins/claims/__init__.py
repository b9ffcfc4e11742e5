"""The claims of the literature, put to the measurements of one's own runs."""

from __future__ import annotations

from wganalyze import Claim, hookimpl
from wganalyze_plugins.claims.batches import FartherThanCentroids, FartherThanMean, Overestimates, Stratified
from wganalyze_plugins.claims.constraints import ConstraintsHelp, ZeroCentred
from wganalyze_plugins.claims.distances import MetricDecides, NearerIsNotBetter, ResemblesCentroids, TransformIsNearer
from wganalyze_plugins.claims.divergences import BoundedIsTotalVariation, JsSaturates, ReachesOptimum
from wganalyze_plugins.claims.dynamics import (
    EstimateTracks,
    Forgets,
    NoiseRestores,
    NonSaturatingUnstable,
    SaturatingVanishes,
    ShortOfMaximum,
)
from wganalyze_plugins.claims.methods import KeepsModes, Memorises, Survives


@hookimpl
def wganalyze_claims() -> list[type[Claim]]:
    return [
        TransformIsNearer,
        NearerIsNotBetter,
        FartherThanMean,
        FartherThanCentroids,
        ResemblesCentroids,
        ConstraintsHelp,
        ZeroCentred,
        ShortOfMaximum,
        JsSaturates,
        SaturatingVanishes,
        NonSaturatingUnstable,
        NoiseRestores,
        ReachesOptimum,
        Overestimates,
        KeepsModes,
        Memorises,
        Survives,
        BoundedIsTotalVariation,
        EstimateTracks,
        Forgets,
        Stratified,
        MetricDecides,
    ]
