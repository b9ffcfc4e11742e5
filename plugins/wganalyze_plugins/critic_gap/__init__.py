"""What a critic's loss is worth: dual estimates against the exact value, potentials, penalties, batches and modes."""

from wganalyze_plugins.critic_gap.analyzer import CriticGap, wganalyze_analyzers
from wganalyze_plugins.critic_gap.pairs import Pair, WeakDualityError, implied_slope

__all__ = ["CriticGap", "Pair", "WeakDualityError", "implied_slope", "wganalyze_analyzers"]
