"""What recurrent layers take samples for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from wganalyze.study.recurrent import mixes, observed_axes, recurrent_layer


@pytest.mark.parametrize(("batch_first", "mixed"), [(True, False), (False, True)])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_steps_first_mixes_samples(kind: type[nn.RNNBase], batch_first: bool, mixed: bool) -> None:
    torch.manual_seed(0)
    layer = kind(3, 4, batch_first=batch_first)
    assert recurrent_layer(nn.Sequential(nn.Identity(), layer)) is layer

    def call(x: Tensor) -> Tensor:
        return layer(x)[0]  # type: ignore[no-any-return]

    assert mixes(call, torch.randn(3, 3, 3)) is mixed


def test_samples_without_steps_are_seen() -> None:
    layer = nn.LSTM(3, 4, batch_first=True)
    with observed_axes(layer) as axes:
        layer(torch.randn(5, 3))
    assert axes == {2}
    layer(torch.randn(5, 2, 3))
    assert axes == {2}
    assert recurrent_layer(nn.Linear(2, 2)) is None
