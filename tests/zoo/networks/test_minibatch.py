"""Minibatch discrimination against its formula, and what it sees."""

from __future__ import annotations

import pytest
import torch

from wganalyze_zoo.networks import MinibatchDiscrimination, MlpCritic


def test_the_formula_written_out() -> None:
    layer, x = MinibatchDiscrimination(4, kernels=3, kernel_dim=2), torch.randn(5, 4)
    m = torch.einsum("bk,kno->bno", x, layer.tensor)
    out = layer(x)
    assert torch.equal(out[:, :4], x)
    for i in range(5):
        for kernel in range(3):
            near = [(-(m[i, kernel] - m[j, kernel]).abs().sum()).exp().item() for j in range(5) if j != i]
            assert out[i, 4 + kernel].item() == pytest.approx(sum(near) / 4, rel=1e-4, abs=1e-6)


def test_copies_are_as_near_as_can_be_and_one_sample_has_no_neighbour() -> None:
    layer = MinibatchDiscrimination(4)
    assert torch.allclose(layer(torch.ones(6, 4))[:, 4:], torch.ones(6, 16))
    assert torch.equal(layer(torch.ones(1, 4))[:, 4:], torch.zeros(1, 16))


def test_a_critic_with_it_tells_a_collapsed_batch() -> None:
    critic, x = MlpCritic(3, 8, minibatch=True), torch.randn(6, 3)
    alone = critic(x[:1].repeat(6, 1))[0]
    assert not torch.allclose(alone, critic(x)[0])
