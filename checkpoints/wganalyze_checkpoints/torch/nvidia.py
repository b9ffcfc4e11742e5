"""NVIDIA's StyleGAN networks as plain functions: images of z, scores of images, with labels where there are any.

Their code casts what it is given to float32 (and to float16 on a GPU, which is switched off), so that a network keeps
its precision where float64 is asked for; what it returns has the dtype of its input.
"""

from __future__ import annotations

import inspect
from typing import Any, Self

import torch
from torch import Tensor, nn


def as_called(net: nn.Module) -> nn.Module:
    """The network, or a plain function where it is called as NVIDIA's are, (z, c) or (image, c), as R3GAN's is."""
    names = [*inspect.signature(net.forward).parameters]
    if names[1:2] != ["c"] or not isinstance(getattr(net, "c_dim", None), int):
        return net
    return Generator(net) if hasattr(net, "z_dim") else Critic(net)


class _Network(nn.Module):
    """What both have in common. ``classes``: the width of the labels c, 0 for a network without."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.float()
        self.classes = int(getattr(net, "c_dim", 0) or 0)
        parameters = inspect.signature(net.forward).parameters
        wild = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        self._options = {"force_fp32": True} if wild or "force_fp32" in parameters else {}

    def double(self) -> Self:
        """Itself: the code of the network computes in float32."""
        return self

    def _run(self, x: Tensor, labels: Tensor | None) -> Any:
        if labels is None and self.classes:
            raise ValueError(f"a network of {self.classes} classes needs labels; say how many classes there are")
        if labels is not None and not self.classes:
            raise TypeError("a network without classes takes no labels")
        try:
            return self.net(x.float(), self._labels(len(x), labels, x.device), **self._options)
        except AssertionError as error:  # by which this code checks shapes
            raise ValueError(f"the network does not take {tuple(x.shape)} {error}".strip()) from error

    def _labels(self, n: int, labels: Tensor | None, device: torch.device) -> Tensor:
        if labels is None:
            return torch.zeros(n, 0, device=device)
        if labels.ndim == 1:
            return nn.functional.one_hot(labels.long(), self.classes).float()
        return labels.float()


class Generator(_Network):
    """(z, labels) to images; its noise is drawn anew each time, as in training and in NVIDIA's metrics."""

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images (n, channels, height, width) in [-1, 1]."""
        return self._run(z.flatten(1), labels).to(z.dtype)  # type: ignore[no-any-return]


class Critic(_Network):
    """(images, labels) to scores."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net)
        sizes = [getattr(m, "group_size", None) for m in net.modules() if type(m).__name__ == "MinibatchStdLayer"]
        self.group = max((size for size in sizes if isinstance(size, int)), default=1)
        """Images are compared in groups of this size (minibatch standard deviation)."""

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """One score an image; a number of images that is no multiple of the group is filled up with the first ones."""
        n = len(x)
        if n > self.group and n % self.group:
            rows = torch.arange(n + -n % self.group, device=x.device) % n
            x, labels = x[rows], None if labels is None else labels[rows]
        return self._run(x, labels)[:n].to(x.dtype)  # type: ignore[no-any-return]
