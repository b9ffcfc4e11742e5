"""Strict loading: what does not fit is named, wrappers come off, and nothing is left at its random start."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.errors import CheckpointError
from wganalyze.host.registry import Host
from wganalyze.networks.building import build, load_strict
from wganalyze.networks.design import Design, Unknown, find_design
from wganalyze.networks.factories import Net
from wganalyze.networks.piece import Piece
from wganalyze.networks.trust import Permission

Tensors = Mapping[str, Tensor]


def network(seed: int = 0) -> nn.Module:
    """A small network with BatchNorm buffers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.LeakyReLU(0.2), nn.Linear(4, 1))


def part(tensors: Tensors, path: str = "critic.pt") -> Part:
    """A part that holds these tensors."""
    keys = {key: TensorSpec(tuple(t.shape), "float32") for key, t in tensors.items()}
    return Part(Path(path), "test", keys=keys, read_tensors=lambda: tensors)


def stored(seed: int = 1) -> dict[str, Tensor]:
    """The weights of another network of the same design."""
    return {key: t.clone() for key, t in network(seed).state_dict().items()}


def assert_loaded(module: nn.Module, tensors: Tensors) -> None:
    """Every tensor of the module is the stored one."""
    for key, value in module.state_dict().items():
        torch.testing.assert_close(value, tensors[key], rtol=0, atol=0)


def test_all_weights_and_buffers_are_filled() -> None:
    tensors = stored()
    tensors["1.running_mean"] += 3
    module = network()
    load_strict(module, tensors, "critic.pt", "critic")
    assert_loaded(module, tensors)


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "net.", "module.critic.body."]
)
def test_shared_prefixes_come_off(prefix: str) -> None:
    tensors = stored()
    module = network()
    load_strict(module, {prefix + key: t for key, t in tensors.items()}, "critic.pt", "critic")
    assert_loaded(module, tensors)


def test_a_network_whose_own_attribute_is_called_module() -> None:
    class Wrapper(nn.Module):
        def __init__(self, seed: int):
            super().__init__()
            self.module = network(seed)

    tensors = Wrapper(1).state_dict()
    for prefix in ("", "module."):
        wrapper = Wrapper(0)
        load_strict(wrapper, {prefix + key: t for key, t in tensors.items()}, "critic.pt", "critic")
        assert_loaded(wrapper, tensors)


def test_num_batches_tracked_may_be_missing() -> None:
    tensors = stored()
    del tensors["1.num_batches_tracked"]
    module = network()
    load_strict(module, tensors, "critic.pt", "critic")
    torch.testing.assert_close(module.state_dict()["3.weight"], tensors["3.weight"])


def test_running_statistics_may_not_be_missing() -> None:
    tensors = stored()
    del tensors["1.running_var"]
    with pytest.raises(CheckpointError, match=r"1 missing: 1\.running_var"):
        load_strict(network(), tensors, "critic.pt", "critic")


def test_missing_unexpected_and_wrong_shapes_are_listed_together() -> None:
    tensors = stored()
    del tensors["0.bias"]
    tensors["4.weight"] = torch.zeros(1)
    tensors["3.weight"] = torch.zeros(2, 4)
    module = network()
    before = {key: t.clone() for key, t in module.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_strict(module, tensors, "run.pt[netD]", "critic")
    text = str(caught.value)
    assert text.startswith("run.pt[netD] does not fit the critic: ")
    for item in (
        "1 missing: 0.bias",
        "1 unexpected: 4.weight",
        "1 wrong shape: 3.weight is (2, 4), the network has (1, 4)",
    ):
        assert item in text
    assert_loaded(module, before)


def test_a_long_list_is_cut_and_counted() -> None:
    tensors = {f"layer{i}.weight": torch.zeros(1) for i in range(20)}
    with pytest.raises(CheckpointError, match=r"20 unexpected: layer0\.weight, .*layer5\.weight and 14 more"):
        load_strict(network(), tensors, "critic.pt", "critic")


def test_no_tensors_at_all() -> None:
    with pytest.raises(CheckpointError, match="missing"):
        load_strict(network(), {}, "critic.pt", "critic")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_numbers_are_named(value: float) -> None:
    tensors = stored()
    tensors["3.weight"][0, 1] = value
    piece = Piece(part(tensors))
    with pytest.raises(CheckpointError, match=r"critic\.pt: NaN or infinity in 3\.weight; this network cannot be"):
        piece.tensors()


def test_a_piece_sees_only_its_prefix() -> None:
    tensors = {**{f"netD.{k}": t for k, t in stored().items()}, "netG.weight": torch.full((2, 2), float("nan"))}
    piece = Piece(part(tensors, "run.pt"), "netD.")
    assert set(piece.keys) == set(stored()) == set(piece.tensors())
    assert piece.place == "run.pt[netD]"
    assert piece.parameters == sum(t.numel() for t in stored().values())
    with pytest.raises(CheckpointError, match=r"run\.pt\[netG\]: NaN or infinity in weight"):
        Piece(part(tensors, "run.pt"), "netG.").tensors()


# From a design to a network


class Scaled:
    """An architecture with one argument, recognised by its keys."""

    name = "scaled"

    def build(self, **arguments: Any) -> nn.Module:
        width = arguments["width"]
        return nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, 1))

    def recognise(self, keys: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any] | None:
        if set(keys) != {"0.weight", "0.bias", "2.weight", "2.bias"}:
            return None
        return {"width": keys["0.weight"][0]}


class Twin(Scaled):
    """Fits the same keys."""

    name = "twin"


@pytest.mark.parametrize("prefix", ["", "module.", "net."])
def test_an_architecture_is_recognised_and_built(prefix: str) -> None:
    host = Host(architectures={"scaled": Scaled()})
    tensors = Scaled().build(width=5).state_dict()
    piece = Piece(part({prefix + key: t for key, t in tensors.items()}))
    design = find_design(piece, None, "critic", host, Permission())
    assert isinstance(design, Design)
    assert design.text() == "architecture scaled {'width': 5}"
    assert any("recognised" in text for text in design.assumptions)
    module = build(piece, design, "critic", host)
    assert_loaded(module, tensors)
    assert not module.training
    assert not any(p.requires_grad for p in module.parameters())


@pytest.mark.parametrize(
    ("net", "architectures", "reason"),
    [
        (None, [], r"the architecture of critic\.pt is unknown; say --critic MODULE:FACTORY"),
        (None, [Scaled(), Twin()], r"the keys fit several architectures \(scaled, twin\)"),
        (Net(architecture="scalde"), [Scaled()], r"registers the architecture 'scalde'; there are: scaled"),
        (Net("a.py:B", trusted=False), [], r"names the factory a\.py:B; --trust imports it"),
    ],
)
def test_why_there_is_no_design(net: Net | None, architectures: list[Scaled], reason: str) -> None:
    host = Host(architectures={a.name: a for a in architectures})
    piece = Piece(part(Scaled().build(width=5).state_dict()))
    found = find_design(piece, net, "critic", host, Permission())
    assert isinstance(found, Unknown)
    assert re.search(reason, found.reason), found


def test_a_scripted_program_is_built_like_any_other() -> None:
    program = Part(Path("critic.pt"), "torchscript", read_module=lambda: torch.jit.script(network()))
    design = find_design(Piece(program), None, "critic", Host(), Permission(trust=True))
    assert isinstance(design, Design)
    module = build(Piece(program), design, "critic", Host())
    assert not module.training
    assert not any(p.requires_grad for p in module.parameters())


class Broken(Scaled):
    """A stranger's architecture with a fault."""

    name = "broken"

    def recognise(self, keys: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any] | None:
        raise KeyError("4.weight")


def test_an_architecture_that_raises_recognises_nothing_and_harms_nobody() -> None:
    piece = Piece(part(Scaled().build(width=5).state_dict()))
    host = Host(architectures={"broken": Broken(), "scaled": Scaled()})
    design = find_design(piece, None, "critic", host, Permission())
    assert isinstance(design, Design)
    assert design.architecture == "scaled"


def test_a_loader_that_raises_is_named_with_the_file() -> None:
    def broken() -> Tensors:
        raise ValueError("buffer size must be a multiple\nof element size")

    reason = (
        r"critic\.jbin: the loader jbin cannot read it \(ValueError: buffer size must be a multiple of element size\)"
    )
    with pytest.raises(CheckpointError, match=reason):
        Piece(Part(Path("critic.jbin"), "jbin", read_tensors=broken)).tensors()


def test_a_program_has_no_weights_to_read() -> None:
    program = Part(Path("critic.pt"), "pickled module", read_module=network)
    with pytest.raises(CheckpointError, match=r"critic\.pt: holds a program"):
        Piece(program).tensors()


def test_a_program_is_run_only_with_trust() -> None:
    program = Part(Path("critic.pt"), "pickled module", read_module=network)
    refused = find_design(Piece(program), None, "critic", Host(), Permission())
    assert refused == Unknown("critic.pt is a program (pickled module); --trust runs it")
    design = find_design(Piece(program), None, "critic", Host(), Permission(trust=True))
    assert isinstance(design, Design)
    assert not build(Piece(program), design, "critic", Host()).training


def test_a_program_that_runs_no_code_of_its_file_needs_no_trust() -> None:
    program = Part(Path("critic.onnx"), "onnx", read_module=network, runs_code=False)
    design = find_design(Piece(program), Net("train:Critic"), "critic", Host(), Permission())
    assert isinstance(design, Design)
    assert design.text() == "its own program"
    assert not build(Piece(program), design, "critic", Host()).training


def test_named_classes_are_allowed_where_the_reader_can_tell() -> None:
    seen: list[Sequence[str]] = []

    def allowed(names: Sequence[str]) -> nn.Module:
        seen.append(names)
        return network()

    program = Part(Path("critic.pt"), "pickled module", read_module=network, read_allowed=allowed)
    design = find_design(Piece(program), None, "critic", Host(), Permission(allow=("train:Critic",)))
    assert isinstance(design, Design)
    assert design.text() == "its own program, allowed: train:Critic"
    build(Piece(program), design, "critic", Host())
    assert seen == [("train:Critic",)]
    scripted = Part(Path("critic.pt"), "torchscript", read_module=network)
    assert isinstance(find_design(Piece(scripted), None, "critic", Host(), Permission(allow=("a:B",))), Unknown)


def test_weights_in_a_form_of_their_own_fill_what_the_factory_made(factory_file: Callable[[str], Net]) -> None:
    def fill(made: object) -> nn.Module:
        assert made == {"any": "thing"}
        return network()

    piece = Piece(Part(Path("critic.h5"), "keras-weights", fill=fill))
    refused = find_design(piece, None, "critic", Host(), Permission())
    assert isinstance(refused, Unknown)
    assert "critic.h5 holds weights (keras-weights) and no architecture; say --critic" in refused.reason
    design = find_design(
        piece, factory_file("def make():\n    return {'any': 'thing'}"), "critic", Host(), Permission()
    )
    assert isinstance(design, Design)
    assert not build(piece, design, "critic", Host()).training


def test_a_program_that_can_also_fill_a_model_leaves_the_choice_to_the_user(
    factory_file: Callable[[str], Net],
) -> None:
    both = Part(Path("c.keras"), "keras-model", read_module=nn.Identity, fill=lambda made: nn.Flatten())
    net = factory_file("def make():\n    return {}")
    for named, kind in ((None, nn.Identity), (net, nn.Flatten)):
        design = find_design(Piece(both), named, "critic", Host(), Permission(trust=True))
        assert isinstance(design, Design)
        assert isinstance(build(Piece(both), design, "critic", Host()), kind)


@pytest.mark.parametrize("field", ["read_module", "fill", "read_allowed"])
def test_a_reader_that_raises_is_named_with_the_file(field: str, factory_file: Callable[[str], Net]) -> None:
    def broken(*_: object) -> nn.Module:
        raise ValueError("not today")

    reading = Part(
        Path("c.x"), "made-up", **{"read_module": network, field: broken} if field != "fill" else {"fill": broken}
    )
    net = factory_file("def make():\n    return 1") if field == "fill" else None
    design = Design(net, allow=("a:B",) if field == "read_allowed" else None)
    with pytest.raises(CheckpointError, match=r"c\.x: the loader made-up cannot read it \(ValueError: not today\)"):
        build(Piece(reading), design, "critic", Host())


@pytest.mark.parametrize("infer", [False, True])
def test_a_guess_is_offered_and_made_only_on_demand(infer: bool) -> None:
    found = find_design(Piece(part(network().state_dict())), None, "critic", Host(), Permission(infer=infer))
    assert isinstance(found, Unknown)
    assert found.may_be_inferred is infer
    assert ("--infer" in found.reason) is not infer


class Encoded(Scaled):
    """Says what it had to assume."""

    def assumed(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"a slope of .2 at width {arguments['width']}",)


def test_an_architecture_is_recognised_through_spectral_norm_and_says_what_it_assumes() -> None:
    net = Scaled().build(width=5)
    for index in (0, 2):
        net[index] = torch.nn.utils.spectral_norm(net[index])  # type: ignore[index, operator]
    net(torch.ones(1, 3))
    piece = Piece(part(net.state_dict()))
    host = Host(architectures={"scaled": Encoded()})
    design = find_design(piece, None, "critic", host, Permission())
    assert isinstance(design, Design)
    assert any("slope of .2 at width 5" in text for text in design.assumptions)
    assert any("spectral" in text for text in design.assumptions)
    module, x = build(piece, design, "critic", host), torch.randn(7, 3)
    assert torch.allclose(module(x), net.eval()(x), rtol=1e-5)


@pytest.fixture
def factory_file(tmp_path: Path) -> Callable[[str], Net]:
    """Writes a factory file with this body of ``make`` and names it."""

    def write(source: str) -> Net:
        path = tmp_path / "nets.py"
        path.write_text(f"import torch\nfrom torch import nn\n{source}\n")
        return Net(f"{path}:make")

    return write


def test_a_factory_may_ask_for_the_stored_shapes(factory_file: Callable[[str], Net]) -> None:
    net = factory_file("def make(shapes):\n    return nn.Linear(shapes['weight'][1], shapes['weight'][0])")
    tensors = nn.Linear(7, 2).state_dict()
    module = build(Piece(part(tensors)), Design(net), "critic", Host())
    assert_loaded(module, tensors)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def make(width):\n    return nn.Linear(width, 1)", r"calling it failed \(TypeError: .*width"),
        ("def make():\n    return 3", r"gave int, not a torch\.nn\.Module"),
        ("def make():\n    return nn.Linear", r"gave type, not a torch\.nn\.Module"),
        ("def make():\n    return nn.Linear(7, 3)", r"does not fit the critic: 2 wrong shape: weight is \(2, 7\)"),
    ],
)
def test_a_factory_that_does_not_fit(factory_file: Callable[[str], Net], source: str, reason: str) -> None:
    piece = Piece(part(nn.Linear(7, 2).state_dict()))
    with pytest.raises(CheckpointError, match=reason):
        build(piece, Design(factory_file(source)), "critic", Host())
