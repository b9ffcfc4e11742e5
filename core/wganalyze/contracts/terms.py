"""The words that contracts share: networks, their outputs and weights, the modes they run in."""

from __future__ import annotations

from typing import Literal

Role = Literal["generator", "critic"]
"""What a network is; a discriminator is a critic whose output is a logit or a probability."""

Output = Literal["score", "logit", "probability"]
"""What the number that a critic gives means."""

Reduce = Literal["mean", "sum", "first", "min", "difference"]
"""How several scores of one sample become one; "difference": of two logits, the second minus the first."""

Weights = Literal["raw", "ema"]
"""The weights of the last training step, or their running average."""

Encoding = Literal["index", "onehot", "concat"]
"""How labels are passed: a second argument (int64, or one-hot), or one-hot and joined to the input."""

Mode = Literal["eval", "train"]
"""The mode of a network: what BatchNorm and dropout do."""

Law = str
"""Of a latent: "normal", "uniform" on [-1, 1], or "uniform:LOW,HIGH"."""

PIXELS = "pixels"
"""The space of the critic's input, which needs no embedding."""

CONFIG_NAME = "wganalyze.toml"
"""The file beside checkpoints that states facts about them."""
