"""One loop for all methods, what it writes, and how it goes on after an interruption."""

from wganalyze_zoo.training.files import checkpoint_path
from wganalyze_zoo.training.outcome import Run
from wganalyze_zoo.training.progress import Progress
from wganalyze_zoo.training.train import train

__all__ = ["Progress", "Run", "checkpoint_path", "train"]
