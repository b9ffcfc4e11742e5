"""The figures of a report, for papers: which lines they hold, and how matplotlib draws them."""

from wganalyze.report.plotting.plots import Plots

__all__ = ["Plots"]
