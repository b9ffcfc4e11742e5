"""How stored weights become a network: what was said goes before what is recognised, and why there is no way."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
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
