"""Architectures that nobody named: readings of keys and shapes, tried on the data, judged by the evidence."""

from wganalyze.inference.trials import infer_critics, infer_generators

__all__ = ["infer_critics", "infer_generators"]
