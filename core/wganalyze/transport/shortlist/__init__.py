"""Exact transport from shortlists: for samples of any size, weights and metric, without a cost matrix."""

from wganalyze.transport.shortlist.solving import TUNING, Solved, Tuning, bytes_held, solve

__all__ = ["TUNING", "Solved", "Tuning", "bytes_held", "solve"]
