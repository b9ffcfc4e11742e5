"""In networks that are built already, wrappers of spectral norm become the plain layers that they stand for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wganalyze.networks.settling import settled

Encode = Callable[[nn.Module, str], nn.Module]
Close = Callable[..., bool]


class Nested(nn.Module):
    """A critic of wrappers, some of them deep inside."""

    def __init__(self, bar: type[nn.Module]) -> None:
        super().__init__()
        self.features = nn.Sequential(bar(nn.Conv2d(2, 3, 3, padding=1)), nn.ReLU(), bar(nn.ConvTranspose2d(3, 2, 2)))
        self.head = nn.Sequential(nn.Flatten(), bar(nn.Linear(50, 1)))

    def forward(self, x: Tensor) -> Any:
        return self.head(self.features(x))


def frozen(net: nn.Module) -> nn.Module:
    return net.requires_grad_(False).eval()


def test_a_settled_network_gives_what_the_next_forward_would_and_changes_no_more(
    bar: type[nn.Module], close: Close
) -> None:
    torch.manual_seed(0)
    net = frozen(Nested(bar).double())
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    x = torch.randn(3, 2, 4, 4, dtype=torch.float64)
    quiet = settled(net)
    assert all(torch.equal(before[key], tensor) for key, tensor in net.state_dict().items())
    first = quiet(x)
    assert torch.equal(first, quiet(x))
    assert not any(isinstance(module, bar) for module in quiet.modules())
    expected = net(x)
    assert close(first, expected, 1e-10)
    assert not close(net(x), expected, 1e-10)  # the wrapper itself does change
    assert not any(parameter.requires_grad for parameter in quiet.parameters())


def test_a_critic_that_is_a_wrapper(bar: type[nn.Module], close: Close) -> None:
    torch.manual_seed(0)
    net = frozen(bar(nn.Linear(5, 1)))
    quiet = settled(net)
    assert type(quiet) is nn.Linear
    assert not quiet.training
    x = torch.randn(3, 5)
    assert close(quiet(x), net(x))


def doubled(net: Any, x: Tensor) -> Tensor:
    """Does more than its layer."""
    return 2 * super(type(net), net).forward(x)


def refused(net: Any, x: Tensor) -> Tensor:
    """Takes something else."""
    raise ValueError("not this")


@pytest.mark.parametrize("forward", [doubled, refused])
def test_a_wrapper_of_another_kind_is_left(forward: Callable[..., Tensor], bar: type[nn.Module]) -> None:
    torch.manual_seed(0)
    wrapper = type("Wrapper", (bar,), {"forward": forward})
    net = nn.Sequential(wrapper(nn.Linear(5, 1)), bar(nn.Linear(1, 1)))
    quiet = settled(net)
    assert isinstance(quiet, nn.Sequential)
    assert [type(module) for module in quiet] == [wrapper, nn.Linear]


@pytest.mark.parametrize("encoding", ["hooks", "weight norm", "wrapper", "parametrization"])
def test_what_training_left_behind_does_not_hinder_the_copy(encoding: str, encoded: Encode, close: Close) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(encoded(nn.Linear(5, 4), encoding), nn.ReLU(), nn.Linear(4, 1))
    net(torch.randn(3, 5)).sum().backward()
    if encoding != "parametrization":
        with pytest.raises(RuntimeError, match="deepcopy"):  # torch itself cannot
            copy.deepcopy(net)
    quiet = settled(frozen(net))
    x = torch.randn(3, 5)
    assert close(quiet(x), net(x))


def test_networks_without_wrappers_are_copied_as_they_are() -> None:
    net = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval()
    quiet = settled(net)
    assert quiet is not net
    x = torch.randn(3, 5)
    assert torch.equal(quiet(x), net(x))
    scripted = torch.jit.script(net)
    assert torch.equal(settled(scripted)(x), net(x))
