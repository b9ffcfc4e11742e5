"""Networks in memory: copies that do what the originals do, and originals that nothing reaches."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

from wganalyze.contracts.terms import Role
from wganalyze.errors import CheckpointError, UsageError
from wganalyze.host.loading import load_host
from wganalyze.monitoring.memory import InMemory, device_of, given_networks, snapshot_of, state_of, unwrapped
from wganalyze.settings.facts import Said

HOST = load_host()


def snapshot(step: int | None = 3, **networks: nn.Module) -> InMemory:
    """Of networks by role."""
    return snapshot_of(cast("dict[Role, nn.Module]", networks), step, Said(), HOST)


def generator() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2))


def test_what_a_snapshot_says() -> None:
    made = snapshot(step=1200, generator=generator(), critic=nn.Linear(2, 1))
    assert (made.label, made.step, made.step_unit) == ("step_001200", 1200, "step")
    assert made.latent.shape == (4,)
    assert made.designs == {"generator": "in memory: Sequential", "critic": "in memory: Linear"}
    assert (made.missing, made.files) == ({}, ())
    alone = snapshot(step=None, critic=nn.Linear(2, 1))
    assert (alone.label, alone.step) == ("memory", None)
    assert alone.missing == {"generator": "none was given; pass generator=MODULE"}


def test_copies_do_what_the_originals_do_in_eval_mode() -> None:
    net = generator().train()
    made = snapshot(generator=net)
    z = torch.randn(5, 4)
    assert made.generator is not None
    assert not made.generator.training
    assert not any(p.requires_grad for p in made.generator.parameters())
    assert torch.equal(made.generator(z), copy.deepcopy(net).eval()(z))
    with torch.no_grad():
        net[0].weight.zero_()  # type: ignore[index, union-attr, operator]
    assert made.generator(z).std(0).max() > 0


def test_a_released_snapshot_is_made_again_as_it_was() -> None:
    made = snapshot(generator=generator())
    z = torch.randn(5, 4)
    assert made.generator is not None
    before = made.generator(z)
    made.generator.double().train()
    made.release()
    assert torch.equal(made.generator(z), before)


@pytest.mark.parametrize("wrap", [spectral_norm, weight_norm, parametrizations.spectral_norm])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_hooks_left_behind_is_no_hindrance(wrap: Any) -> None:
    net = nn.Sequential(wrap(nn.Linear(3, 4)), nn.ReLU(), nn.Linear(4, 1))
    loss = net(torch.randn(6, 3)).sum()  # its weight now has a history, which deepcopy refuses
    before = {key: value.clone() for key, value in net.state_dict().items()}
    made = snapshot(critic=net)
    assert made.critic is not None
    x = torch.randn(5, 3)
    torch.testing.assert_close(made.critic(x), copy.deepcopy(made.critic)(x))
    loss.backward()  # which the copy has not cut
    assert all(p.grad is not None for p in net.parameters())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_the_digest_is_of_the_weights() -> None:
    net = generator()
    first = snapshot(generator=net).digest
    assert snapshot(generator=copy.deepcopy(net), step=4).digest == first
    assert snapshot(critic=net).digest != first
    with torch.no_grad():
        net[0].bias[0] += 1e-6  # type: ignore[index, union-attr, operator]
    assert snapshot(generator=net).digest != first


def test_half_precision_and_double() -> None:
    for narrow in (generator().half(), generator().bfloat16(), generator().double()):
        made = snapshot(generator=narrow)
        assert made.generator is not None
        assert {p.dtype for p in made.generator.parameters()} == {torch.float32}
    exact = snapshot(critic=nn.Linear(2, 1).double())
    assert exact.critic is not None
    assert {p.dtype for p in exact.critic.parameters()} == {torch.float64}


def test_wrappers_are_taken_off() -> None:
    net = generator()
    parallel = nn.DataParallel(net)
    assert unwrapped(parallel) is net
    assert state_of(parallel).keys() == net.state_dict().keys()
    assert snapshot(generator=parallel).digest == snapshot(generator=net).digest
    assert unwrapped(cast(nn.Module, torch.compile(net))) is net


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripted_networks() -> None:
    scripted = torch.jit.script(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)))
    made = snapshot(critic=cast(nn.Module, scripted))
    assert made.critic is not None
    x = torch.randn(4, 2)
    assert torch.equal(made.critic(x), scripted(x))
    assert all(p.requires_grad for p in scripted.parameters())
    assert not any(p.requires_grad for p in made.critic.parameters())


class Locked(nn.Module):
    """Cannot be copied."""

    def __deepcopy__(self, memo: object) -> Any:
        raise RuntimeError("it holds a socket")


def test_a_network_that_cannot_be_copied_says_so_where_it_is_used() -> None:
    made = snapshot(critic=Locked())
    with pytest.raises(CheckpointError, match=r"critic: it cannot be copied .RuntimeError: it holds a socket"):
        _ = made.critic


def test_what_is_no_network() -> None:
    with pytest.raises(UsageError, match="no network: pass generator=MODULE"):
        given_networks(None, None)
    with pytest.raises(UsageError, match=r"critic: a str is no torch.nn.Module; to name a file, use run"):
        given_networks(generator(), "train:Critic")
    assert given_networks(None, net := nn.Linear(1, 1)) == {"critic": net}


def test_devices() -> None:
    assert device_of({"critic": nn.Linear(1, 1)}) == "cpu"
    assert device_of({"critic": nn.Linear(1, 1, device="meta")}) == "cpu"
    assert device_of({"critic": nn.ReLU()}) == "cpu"
