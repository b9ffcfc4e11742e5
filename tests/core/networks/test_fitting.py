"""Stored tensors find their places, by name or by order, and none of them is altered on the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from wganalyze.errors import CheckpointError
from wganalyze.networks.building import load_strict

AssertLoaded = Callable[..., None]


def net(seed: int = 0, norm: bool = False) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), *([nn.BatchNorm1d(8)] if norm else []), nn.Tanh(), nn.Linear(8, 2))


class Main(nn.Module):
    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.main = net(seed)


class Steps(nn.Module):
    """Its own buffer has the name of a counter."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.body = net(steps)
        self.register_buffer("steps", torch.tensor(steps))


def filled(module: nn.Module, stored: dict[str, Tensor]) -> dict[str, Tensor]:
    load_strict(module, stored, "g.pt", "generator")
    return module.state_dict()


def test_an_average_and_its_counter() -> None:
    averaged = torch.optim.swa_utils.AveragedModel(net(1))
    found = filled(net(), averaged.state_dict())
    assert found.keys() == net(1).state_dict().keys()
    torch.testing.assert_close(found, dict(net(1).state_dict()))


@pytest.mark.parametrize("inner", ["_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "module."])
@pytest.mark.parametrize("outer", ["", "module.", "_forward_module.", "_orig_mod.module.", "model."])
def test_wrappers_within(inner: str, outer: str) -> None:
    wanted = dict(Main(1).state_dict())
    stored = {outer + key.replace("main.", f"main.{inner}"): t for key, t in wanted.items()}
    torch.testing.assert_close(dict(filled(Main(), stored)), wanted)
    torch.testing.assert_close(dict(filled(Main(), {**stored, "steps": torch.tensor(3)})), wanted)


def test_wrappers_of_some_layers_alone() -> None:
    wanted = dict(net(1).state_dict())
    stored = {key.replace("0.", "0._checkpoint_wrapped_module."): t for key, t in wanted.items()}
    torch.testing.assert_close(dict(filled(net(), stored)), wanted)


def test_a_buffer_that_is_called_as_a_counter_is_filled() -> None:
    assert int(filled(Steps(0), Steps(5).state_dict())["steps"]) == 5
    assert int(filled(Steps(0), {f"model.{k}": t for k, t in Steps(5).state_dict().items()})["steps"]) == 5
    with pytest.raises(CheckpointError, match="1 missing: steps"):
        filled(Steps(0), {k: t for k, t in Steps(5).state_dict().items() if k != "steps"})


def test_the_message_names_keys_as_they_are_stored() -> None:
    with pytest.raises(CheckpointError, match=r"unexpected: main\._orig_mod\.9\.weight"):
        filled(Main(), {**Main(1).state_dict(), "main._orig_mod.9.weight": torch.ones(2)})


# What a network cannot hold


def test_the_imaginary_part_is_never_dropped() -> None:
    stored = {key: t.to(torch.complex64) for key, t in net(1).state_dict().items()}
    with pytest.raises(CheckpointError, match=r"another kind: 0\.weight is complex64, the network has float32"):
        filled(net(), stored)


def test_complex_weights_fill_a_complex_network() -> None:
    stored = {"weight": torch.randn(2, 3, dtype=torch.complex64), "bias": torch.randn(2, dtype=torch.complex64)}
    torch.testing.assert_close(dict(filled(nn.Linear(3, 2, dtype=torch.complex64), stored)), stored)


def test_fractions_do_not_become_integers() -> None:
    whole = {**Steps(5).state_dict(), "steps": torch.tensor(7.0)}
    assert int(filled(Steps(0), whole)["steps"]) == 7
    with pytest.raises(CheckpointError, match="steps is float32, the network has int64"):
        filled(Steps(0), {**whole, "steps": torch.tensor(7.5)})


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_exact_in_single(dtype: torch.dtype) -> None:
    stored = {key: t.to(dtype) for key, t in net(1).state_dict().items()}
    found = filled(net(), stored)
    assert all(torch.equal(found[key].to(dtype), t) for key, t in stored.items())


# Tensors without names


def listed(tensors: list[Tensor]) -> dict[str, Tensor]:
    return {str(i): tensor.detach() for i, tensor in enumerate(tensors)}


def test_parameters_in_order() -> None:
    torch.testing.assert_close(
        dict(filled(net(), listed(list(net(1).parameters())))), dict(net(1).state_dict()), rtol=0, atol=0
    )


def test_a_whole_state_in_order() -> None:
    wanted = net(1, norm=True).state_dict()
    wanted["1.running_mean"] += 3
    torch.testing.assert_close(dict(filled(net(norm=True), listed(list(wanted.values())))), dict(wanted))


def test_a_list_without_the_statistics_of_a_norm() -> None:
    with pytest.raises(CheckpointError, match=r"list of 6 tensors .* lacks the buffers .* \(1\.running_mean, "):
        filled(net(norm=True), listed(list(net(1, norm=True).parameters())))


def test_a_list_of_another_length_or_order() -> None:
    parameters = list(net(1).parameters())
    with pytest.raises(CheckpointError, match=r"list of 3 tensors without names does not fit the generator, .* has 4"):
        filled(net(), listed(parameters[:3]))
    with pytest.raises(CheckpointError, match=r"in order: 0\.weight has \(8, 4\), tensor 0 is \(8,\)"):
        filled(net(), listed([parameters[1], parameters[0], *parameters[2:]]))
    with pytest.raises(CheckpointError, match=r"another kind|is complex64"):
        filled(net(), listed([p.to(torch.complex64) for p in parameters]))


def test_a_network_whose_parameters_are_numbered() -> None:
    wanted = nn.ParameterList([torch.ones(2), torch.zeros(3)])
    own = nn.ParameterList([torch.randn(2), torch.randn(3)])
    torch.testing.assert_close(dict(filled(own, dict(wanted.state_dict()))), dict(wanted.state_dict()))


def test_tied_parameters_are_listed_once() -> None:
    def tied(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        module[1].weight = module[0].weight
        return module

    found = filled(tied(0), listed(list(tied(1).parameters())))
    torch.testing.assert_close(dict(found), dict(tied(1).state_dict()))
