"""Exact transport from shortlists: for samples of any size, weights and metric, without a cost matrix."""

from wganalyze.transport.shortlist.solving import Solved, bytes_held, solve

__all__ = ["Solved", "bytes_held", "solve"]
