"""Are the images as sharp as real ones? Gradient energy and power spectra, beside centroids and the mean image."""

from wganalyze_plugins.sharpness.analyzer import Sharpness, wganalyze_analyzers

__all__ = ["Sharpness", "wganalyze_analyzers"]
