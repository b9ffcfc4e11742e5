"""How stored weights become a network: what was said goes before what is recognised, and why there is no way."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from wganalyze.contracts.architecture import Architecture
from wganalyze.contracts.loader import Part
from wganalyze.networks.building import build
from wganalyze.networks.design import Design, Unknown, find_design
from wganalyze.networks.factories import Net
from wganalyze.networks.piece import Piece
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.trust import Permission

MakePart = Callable[..., Part]
Knowing = Callable[..., Recognition]
MakeNetwork = Callable[..., nn.Module]
FactoryFile = Callable[[str], Net]

NONE = Recognition({})


@pytest.mark.parametrize(
    ("net", "names", "reason"),
    [
        (None, [], r"the architecture of critic\.pt is unknown; say --critic MODULE:FACTORY"),
        (None, ["scaled", "twin"], r"the keys fit several architectures \(scaled, twin\)"),
        (Net(architecture="scalde"), ["scaled"], r"registers the architecture 'scalde'; there are: scaled"),
        (Net("a.py:B", trusted=False), [], r"names the factory a\.py:B; --trust imports it"),
    ],
)
def test_why_there_is_no_design(
    net: Net | None,
    names: list[str],
    reason: str,
    part: MakePart,
    scaled: type[Architecture],
    knowing: Knowing,
) -> None:
    piece = Piece(part(scaled().build(width=5).state_dict()))
    unknown = find_design(piece, net, "critic", knowing(*names), Permission())
    assert isinstance(unknown, Unknown)
    assert re.search(reason, unknown.reason), unknown


@pytest.mark.parametrize("infer", [False, True])
def test_a_guess_is_offered_and_made_only_on_demand(infer: bool, part: MakePart, network: MakeNetwork) -> None:
    piece = Piece(part(network().state_dict()))
    unknown = find_design(piece, None, "critic", NONE, Permission(infer=infer))
    assert isinstance(unknown, Unknown)
    assert unknown.may_be_inferred is infer
    assert ("--infer" in unknown.reason) is not infer


def test_weights_in_a_form_of_their_own_fill_what_the_factory_made(
    factory_file: FactoryFile, network: MakeNetwork
) -> None:
    def fill(made: object) -> nn.Module:
        assert made == {"any": "thing"}
        return network()

    piece = Piece(Part(Path("critic.h5"), "keras-weights", fill=fill))
    refused = find_design(piece, None, "critic", NONE, Permission())
    assert isinstance(refused, Unknown)
    assert "critic.h5 holds weights (keras-weights) and no architecture; say --critic" in refused.reason
    design = find_design(piece, factory_file("def make():\n    return {'any': 'thing'}"), "critic", NONE, Permission())
    assert isinstance(design, Design)
    assert not build(piece, design, "critic").training


def test_a_program_that_can_also_fill_a_model_leaves_the_choice_to_the_user(factory_file: FactoryFile) -> None:
    both = Part(Path("c.keras"), "keras-model", read_module=nn.Identity, fill=lambda made: nn.Flatten())
    net = factory_file("def make():\n    return {}")
    for said, kind in ((None, nn.Identity), (net, nn.Flatten)):
        design = find_design(Piece(both), said, "critic", NONE, Permission(trust=True))
        assert isinstance(design, Design)
        assert isinstance(build(Piece(both), design, "critic"), kind)


def test_a_factory_that_is_named_takes_the_weights_of_a_program_which_does_not_run(
    factory_file: FactoryFile, network: MakeNetwork
) -> None:
    def run() -> nn.Module:
        raise AssertionError("it ran")

    stored = network(3).state_dict()
    program = Part(Path("c.pt"), "pickled", read_module=run, read_weights=lambda: stored)
    refused = find_design(Piece(program), None, "critic", NONE, Permission())
    assert refused == Unknown(
        "c.pt is a program (pickled); --trust runs it, or name a factory, which takes its weights alone"
    )
    layers = "nn.Linear(3, 4), nn.BatchNorm1d(4), nn.LeakyReLU(0.2), nn.Linear(4, 1)"
    net = factory_file(f"from torch import nn\ndef make():\n    return nn.Sequential({layers})")
    for permission in (Permission(), Permission(trust=True)):
        design = find_design(Piece(program), net, "critic", NONE, permission)
        assert isinstance(design, Design)
        filled = build(Piece(program), design, "critic").state_dict()
        assert filled.keys() == stored.keys()
        assert all(torch.equal(filled[key], stored[key]) for key in stored)


def test_a_factory_that_cannot_take_a_program_is_not_left_out_silently() -> None:
    program = Part(Path("c.onnx"), "onnx", read_module=nn.Identity, runs_code=False)
    design = find_design(Piece(program), Net("train:Critic"), "critic", NONE, Permission())
    assert isinstance(design, Design)
    assert design.text() == "its own program"
    said = "critic: c.onnx (onnx) runs as its own program, which train:Critic cannot take apart"
    assert design.assumptions == (said,)


def test_an_architecture_that_is_named_is_the_installed_one(
    part: MakePart, scaled: type[Architecture], knowing: Knowing
) -> None:
    recognition = knowing("scaled", "twin")
    piece = Piece(part(scaled().build(width=5).state_dict()))
    net = Net(architecture="twin", arguments={"width": 5})
    design = find_design(piece, net, "critic", recognition, Permission())
    assert isinstance(design, Design)
    assert design.architecture is recognition.architectures["twin"]
    assert design.text() == "architecture twin {'width': 5}"
    assert design.assumptions == ()


@pytest.mark.parametrize("error", [KeyError("slope"), SystemExit("no licence"), None])
def test_an_architecture_that_cannot_say_what_it_assumes_spoils_its_own_networks_alone(
    error: BaseException | None,
    part: MakePart,
    scaled: type[Architecture],
    knowing: Knowing,
) -> None:
    def assumed(self: object, arguments: Any) -> Any:
        if error is not None:
            raise error
        return 7  # no lines at all

    recognition = knowing(broken={"assumed": assumed, "recognise": lambda self, keys: {} if len(keys) == 2 else None})
    recognition = Recognition({**recognition.architectures, **knowing("scaled").architectures})
    mine, other = (Piece(part(net.state_dict())) for net in (nn.Linear(3, 1), scaled().build(width=5)))
    unknown = find_design(mine, None, "critic", recognition, Permission())
    assert isinstance(unknown, Unknown)
    kind = "TypeError" if error is None else type(error).__name__
    assert unknown.reason.startswith(f"the architecture broken failed ({kind}: ")
    assert unknown.reason.endswith("); name a factory")
    assert isinstance(find_design(other, None, "critic", recognition, Permission()), Design)
