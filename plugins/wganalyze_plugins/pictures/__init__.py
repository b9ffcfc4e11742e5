"""What the samples look like: grids of images, pairs, centroids; planes of points."""

from wganalyze_plugins.pictures.analyzer import Pictures, wganalyze_analyzers

__all__ = ["Pictures", "wganalyze_analyzers"]
