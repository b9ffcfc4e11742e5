"""What trust forbids: programs of files, and factories named beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from torch import nn

from wganalyze.contracts.loader import Part
from wganalyze.networks.building import build
from wganalyze.networks.design import Design, Unknown, find_design
from wganalyze.networks.factories import Net
from wganalyze.networks.piece import Piece
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.trust import Permission, forbidden_factory, forbidden_program, may_be_rebuilt

MakeNetwork = Callable[..., nn.Module]

NONE = Recognition({})


def test_a_program_is_run_only_with_trust(network: MakeNetwork) -> None:
    program = Part(Path("critic.pt"), "pickled module", read_module=network)
    refused = find_design(Piece(program), None, "critic", NONE, Permission())
    assert refused == Unknown("critic.pt is a program (pickled module); --trust runs it")
    design = find_design(Piece(program), None, "critic", NONE, Permission(trust=True))
    assert isinstance(design, Design)
    assert not build(Piece(program), design, "critic").training


def test_a_program_that_runs_no_code_of_its_file_needs_no_trust(network: MakeNetwork) -> None:
    program = Part(Path("critic.onnx"), "onnx", read_module=network, runs_code=False)
    design = find_design(Piece(program), Net("train:Critic"), "critic", NONE, Permission())
    assert isinstance(design, Design)
    assert design.text() == "its own program"
    assert not build(Piece(program), design, "critic").training


def test_named_classes_are_allowed_where_the_reader_can_tell(network: MakeNetwork) -> None:
    asked: list[Sequence[str]] = []

    def allowed(names: Sequence[str]) -> nn.Module:
        asked.append(names)
        return network()

    program = Part(Path("critic.pt"), "pickled module", read_module=network, read_allowed=allowed)
    design = find_design(Piece(program), None, "critic", NONE, Permission(allow=("train:Critic",)))
    assert isinstance(design, Design)
    assert design.text() == "its own program, allowed: train:Critic"
    build(Piece(program), design, "critic")
    assert asked == [("train:Critic",)]
    scripted = Part(Path("critic.pt"), "torchscript", read_module=network)
    assert isinstance(find_design(Piece(scripted), None, "critic", NONE, Permission(allow=("a:B",))), Unknown)


@pytest.mark.parametrize(
    ("part", "permission", "forbidden", "rebuilt"),
    [
        ({}, Permission(), "critic.pt is a program (pickled); --trust runs it", False),
        ({}, Permission(allow=("a:B",)), "critic.pt is a program (pickled); --trust runs it", False),
        ({}, Permission(trust=True), "", False),
        ({"runs_code": False}, Permission(), "", False),
        (
            {"read_allowed": lambda names: nn.Identity()},
            Permission(),
            "critic.pt is a program (pickled); --trust runs it, or --allow its classes one by one (see its line)",
            False,
        ),
        ({"read_allowed": lambda names: nn.Identity()}, Permission(allow=("a:B",)), "", True),
        ({"read_allowed": lambda names: nn.Identity()}, Permission(trust=True, allow=("a:B",)), "", False),
        ({"read_allowed": lambda names: nn.Identity(), "runs_code": False}, Permission(allow=("a:B",)), "", False),
    ],
)
def test_what_a_program_may_do(part: dict[str, object], permission: Permission, forbidden: str, rebuilt: bool) -> None:
    program = Part(Path("critic.pt"), "pickled", read_module=nn.Identity, **part)  # type: ignore[arg-type]
    assert forbidden_program(program, permission) == forbidden
    assert may_be_rebuilt(program, permission) is rebuilt


def test_a_factory_that_lay_beside_the_checkpoints_is_forbidden() -> None:
    assert forbidden_factory(Net("a.py:B"), "critic") == ""
    reason = forbidden_factory(Net("a.py:B", trusted=False), "critic")
    assert reason.startswith("wganalyze.toml beside the checkpoints names the factory a.py:B; --trust imports it")
    assert reason.endswith("or say --critic a.py:B")


def test_the_advice_on_a_factory_beside_the_checkpoints_works_in_the_working_folder(tmp_path: Path) -> None:
    """Its file is named as it lies; a copy in the working folder would be another one."""
    (tmp_path / "a.py").write_text("class B: ...\n")
    net = Net("a.py:B(3, 'x:y')", trusted=False, folder=tmp_path)
    assert forbidden_factory(net, "critic").endswith(f"or say --critic {tmp_path / 'a.py'}:B(3, 'x:y')")
    assert forbidden_factory(Net("a:B", trusted=False, folder=tmp_path), "critic").endswith("--critic a:B")
