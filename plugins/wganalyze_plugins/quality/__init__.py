"""Are the samples better, and not only nearer? Frechet distance, KID, precision and recall, density and coverage."""

from wganalyze_plugins.quality.analyzer import Quality, wganalyze_analyzers

__all__ = ["Quality", "wganalyze_analyzers"]
