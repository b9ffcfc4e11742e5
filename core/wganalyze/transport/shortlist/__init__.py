"""Exact assignment from shortlists: for large samples of equal size, in little memory."""

from wganalyze.transport.shortlist.matching import Matching, match

__all__ = ["Matching", "match"]
