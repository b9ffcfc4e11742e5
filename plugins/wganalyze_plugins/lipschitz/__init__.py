"""The Lipschitz constant of a critic as a bracket: slopes that exist below, products of operator norms above."""

from wganalyze_plugins.lipschitz.analyzer import Lipschitz, wganalyze_analyzers

__all__ = ["Lipschitz", "wganalyze_analyzers"]
