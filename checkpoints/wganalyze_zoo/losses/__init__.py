"""What critics and generators minimise, small functions beside their equations."""

from wganalyze_zoo.losses.terms import Loss, LossFunction, Numbers, Potential, feature_matching

__all__ = ["Loss", "LossFunction", "Numbers", "Potential", "feature_matching"]
