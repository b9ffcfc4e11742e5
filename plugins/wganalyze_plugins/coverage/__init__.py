"""What of the data is reached? Clusters under optimal matching, modes by name, copies, duplicates, latent paths."""

from wganalyze_plugins.coverage.analyzer import Coverage, wganalyze_analyzers

__all__ = ["Coverage", "wganalyze_analyzers"]
