"""What every critic of the zoo offers: scores, and the features before them."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn


class Critic(nn.Module):
    """Samples (b, ...) to scores (b, 1), high for real ones."""

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """What the scores are made of, (b, k): feature matching compares their means (1606.03498, section 3.1)."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """(b, ...) -> (b, 1)."""
