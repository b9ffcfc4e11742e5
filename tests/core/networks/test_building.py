"""Strict loading: what does not fit is named, wrappers come off, and nothing is left at its random start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.architecture import Architecture
from wganalyze.contracts.loader import Part
from wganalyze.errors import CheckpointError
from wganalyze.networks.building import build, load_strict
from wganalyze.networks.design import Design, find_design
from wganalyze.networks.factories import Net
from wganalyze.networks.piece import Piece
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.trust import Permission

MakePart = Callable[..., Part]
Knowing = Callable[..., Recognition]
MakeNetwork = Callable[..., nn.Module]
AssertLoaded = Callable[..., None]
FactoryFile = Callable[[str], Net]


def test_all_weights_and_buffers_are_filled(
    network: MakeNetwork, stored: dict[str, Tensor], assert_loaded: AssertLoaded
) -> None:
    stored["1.running_mean"] += 3
    module = network()
    load_strict(module, stored, "critic.pt", "critic")
    assert_loaded(module, stored)


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "net.", "module.critic.body."]
)
def test_shared_prefixes_come_off(
    prefix: str, network: MakeNetwork, stored: dict[str, Tensor], assert_loaded: AssertLoaded
) -> None:
    module = network()
    load_strict(module, {prefix + key: t for key, t in stored.items()}, "critic.pt", "critic")
    assert_loaded(module, stored)


def test_a_network_whose_own_attribute_is_called_module(network: MakeNetwork, assert_loaded: AssertLoaded) -> None:
    class Wrapper(nn.Module):
        def __init__(self, seed: int):
            super().__init__()
            self.module = network(seed)

    tensors = Wrapper(1).state_dict()
    for prefix in ("", "module."):
        wrapper = Wrapper(0)
        load_strict(wrapper, {prefix + key: t for key, t in tensors.items()}, "critic.pt", "critic")
        assert_loaded(wrapper, tensors)


def test_num_batches_tracked_may_be_missing(network: MakeNetwork, stored: dict[str, Tensor]) -> None:
    del stored["1.num_batches_tracked"]
    module = network()
    load_strict(module, stored, "critic.pt", "critic")
    torch.testing.assert_close(module.state_dict()["3.weight"], stored["3.weight"])


def test_running_statistics_may_not_be_missing(network: MakeNetwork, stored: dict[str, Tensor]) -> None:
    del stored["1.running_var"]
    with pytest.raises(CheckpointError, match=r"1 missing: 1\.running_var"):
        load_strict(network(), stored, "critic.pt", "critic")


def test_missing_unexpected_and_wrong_shapes_are_listed_together(
    network: MakeNetwork, stored: dict[str, Tensor], assert_loaded: AssertLoaded
) -> None:
    del stored["0.bias"]
    stored["4.weight"] = torch.zeros(1)
    stored["3.weight"] = torch.zeros(2, 4)
    module = network()
    before = {key: t.clone() for key, t in module.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_strict(module, stored, "run.pt[netD]", "critic")
    text = str(caught.value)
    assert text.startswith("run.pt[netD] does not fit the critic: ")
    for item in (
        "1 missing: 0.bias",
        "1 unexpected: 4.weight",
        "1 wrong shape: 3.weight is (2, 4), the network has (1, 4)",
    ):
        assert item in text
    assert_loaded(module, before)


def test_a_long_list_is_cut_and_counted(network: MakeNetwork) -> None:
    tensors = {f"layer{i}.weight": torch.zeros(1) for i in range(20)}
    with pytest.raises(CheckpointError, match=r"20 unexpected: layer0\.weight, .*layer5\.weight and 14 more"):
        load_strict(network(), tensors, "critic.pt", "critic")


def test_no_tensors_at_all(network: MakeNetwork) -> None:
    with pytest.raises(CheckpointError, match="missing"):
        load_strict(network(), {}, "critic.pt", "critic")


# From a design to a network


def test_a_scripted_program_is_built_like_any_other(network: MakeNetwork) -> None:
    program = Part(Path("critic.pt"), "torchscript", read_module=lambda: torch.jit.script(network()))
    design = find_design(Piece(program), None, "critic", Recognition({}), Permission(trust=True))
    assert isinstance(design, Design)
    module = build(Piece(program), design, "critic")
    assert not module.training
    assert not any(p.requires_grad for p in module.parameters())


@pytest.mark.parametrize("field", ["read_module", "fill", "read_allowed"])
def test_a_reader_that_raises_is_named_with_the_file(
    field: str, factory_file: FactoryFile, network: MakeNetwork
) -> None:
    def broken(*_: object) -> nn.Module:
        raise ValueError("not today")

    reading = Part(
        Path("c.x"), "made-up", **{"read_module": network, field: broken} if field != "fill" else {"fill": broken}
    )
    net = factory_file("def make():\n    return 1") if field == "fill" else None
    design = Design(net, allow=("a:B",) if field == "read_allowed" else None)
    with pytest.raises(CheckpointError, match=r"c\.x: the loader made-up cannot read it \(ValueError: not today\)"):
        build(Piece(reading), design, "critic")


def test_a_factory_may_ask_for_the_stored_shapes(
    factory_file: FactoryFile, part: MakePart, assert_loaded: AssertLoaded
) -> None:
    net = factory_file("def make(shapes):\n    return nn.Linear(shapes['weight'][1], shapes['weight'][0])")
    tensors = nn.Linear(7, 2).state_dict()
    module = build(Piece(part(tensors)), Design(net), "critic")
    assert_loaded(module, tensors)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def make(width):\n    return nn.Linear(width, 1)", r"calling it failed \(TypeError: .*width"),
        ("def make():\n    return 3", r"gave int, not a torch\.nn\.Module"),
        ("def make():\n    raise SystemExit('no licence')", r"calling it failed \(SystemExit: no licence\)"),
        ("def make():\n    return nn.Linear", r"gave type, not a torch\.nn\.Module"),
        ("def make():\n    return nn.Linear(7, 3)", r"does not fit the critic: 2 wrong shape: weight is \(2, 7\)"),
    ],
)
def test_a_factory_that_does_not_fit(factory_file: FactoryFile, source: str, reason: str, part: MakePart) -> None:
    piece = Piece(part(nn.Linear(7, 2).state_dict()))
    with pytest.raises(CheckpointError, match=reason):
        build(piece, Design(factory_file(source)), "critic")


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (KeyError("width"), r"critic: architecture broken {'width': 5}: building it failed \(KeyError: 'width'\)"),
        (SystemExit("no licence"), r"building it failed \(SystemExit: no licence\)"),
        (3, r"architecture broken {'width': 5}: gave int, not a torch\.nn\.Module"),
    ],
)
def test_an_architecture_that_cannot_build_spoils_its_own_networks_alone(
    made: object,
    reason: str,
    part: MakePart,
    assert_loaded: AssertLoaded,
    scaled: type[Architecture],
    knowing: Knowing,
) -> None:
    def broken(self: object, **arguments: object) -> object:
        if isinstance(made, BaseException):
            raise made
        return made

    piece = Piece(part(scaled().build(width=5).state_dict()))
    recognition = knowing("scaled", broken={"build": broken, "recognise": lambda self, keys: None})
    design = Design(architecture=recognition.architectures["broken"], arguments={"width": 5})
    with pytest.raises(CheckpointError, match=reason):
        build(piece, design, "critic")
    other = find_design(piece, None, "critic", recognition, Permission())
    assert isinstance(other, Design)
    assert_loaded(build(piece, other, "critic"), piece.tensors())
