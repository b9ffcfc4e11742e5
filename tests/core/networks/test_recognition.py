"""Which architectures know a layout: through prefixes and norms, each asked once, none able to harm the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from wganalyze.contracts.architecture import Architecture
from wganalyze.contracts.loader import Part
from wganalyze.networks.building import build
from wganalyze.networks.design import Design, find_design
from wganalyze.networks.piece import Piece
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.trust import Permission

MakePart = Callable[..., Part]
Knowing = Callable[..., Recognition]
AssertLoaded = Callable[..., None]


@pytest.fixture
def weights(scaled: type[Architecture]) -> dict[str, Tensor]:
    """Of an architecture that is recognised, with the width 5."""
    return scaled().build(width=5).state_dict()


@pytest.mark.parametrize("prefix", ["", "module.", "net."])
def test_an_architecture_is_recognised_and_built(
    prefix: str,
    part: MakePart,
    assert_loaded: AssertLoaded,
    knowing: Knowing,
    weights: dict[str, Tensor],
) -> None:
    piece = Piece(part({prefix + key: t for key, t in weights.items()}))
    design = find_design(piece, None, "critic", knowing("scaled"), Permission())
    assert isinstance(design, Design)
    assert design.text() == "architecture scaled {'width': 5}"
    assert any("recognised" in text for text in design.assumptions)
    module = build(piece, design, "critic")
    assert_loaded(module, weights)
    assert not module.training
    assert not any(p.requires_grad for p in module.parameters())


@pytest.mark.parametrize("wrap", ["_orig_mod", "_fsdp_wrapped_module", "module"])
def test_wrappers_within_and_counters_beside_hide_nothing(
    wrap: str,
    part: MakePart,
    assert_loaded: AssertLoaded,
    knowing: Knowing,
    weights: dict[str, Tensor],
) -> None:
    wrapped = {".".join([*key.split(".")[:-1], wrap, key.split(".")[-1]]): t for key, t in weights.items()}
    averaged = {"n_averaged": torch.tensor(3)} | {f"module.{key}": t for key, t in wrapped.items()}
    for stored in (wrapped, averaged):
        piece = Piece(part(stored))
        design = find_design(piece, None, "critic", knowing("scaled"), Permission())
        assert isinstance(design, Design)
        assert_loaded(build(piece, design, "critic"), weights)


def raising(error: BaseException) -> Callable[..., Any]:
    """A method of a stranger with a fault."""

    def method(*_: object, **__: object) -> Any:
        raise error

    return method


@pytest.mark.parametrize(
    "recognise",
    [
        raising(KeyError("4.weight")),
        raising(SystemExit("no licence")),
        raising(AssertionError()),
        lambda self, keys: True,
        lambda self, keys: 5,
    ],
)
def test_an_architecture_that_raises_recognises_nothing_and_harms_nobody(
    recognise: Callable[..., Any],
    part: MakePart,
    knowing: Knowing,
    weights: dict[str, Tensor],
) -> None:
    recognition = knowing("scaled", broken={"recognise": recognise})
    design = find_design(Piece(part(weights)), None, "critic", recognition, Permission())
    assert isinstance(design, Design)
    assert design.architecture is recognition.architectures["scaled"]


def test_an_architecture_is_recognised_through_spectral_norm_and_says_what_it_assumes(
    part: MakePart, scaled: type[Architecture], knowing: Knowing
) -> None:
    torch.manual_seed(0)
    net = scaled().build(width=5)
    for index in (0, 2):
        net[index] = torch.nn.utils.spectral_norm(net[index])  # type: ignore[index, operator]
    net(torch.ones(1, 3))
    piece = Piece(part(net.state_dict()))
    recognition = knowing(scaled={"assumed": lambda self, arguments: (f"a slope of .2 at width {arguments['width']}",)})
    design = find_design(piece, None, "critic", recognition, Permission())
    assert isinstance(design, Design)
    assert any("slope of .2 at width 5" in text for text in design.assumptions)
    assert any("spectral" in text for text in design.assumptions)
    module, x = build(piece, design, "critic"), torch.randn(7, 3)
    assert torch.allclose(module(x), net.eval()(x), rtol=1e-5, atol=1e-6)


def test_each_architecture_is_asked_once_a_layout(part: MakePart, knowing: Knowing, weights: dict[str, Tensor]) -> None:
    asked: Counter[tuple[str, frozenset[str]]] = Counter()

    def listening(name: str, answer: Mapping[str, Any] | None) -> dict[str, Any]:
        def recognise(self: object, keys: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any] | None:
            asked[name, frozenset(keys)] += 1
            return answer if "0.weight" in keys else None

        return {"recognise": recognise}

    recognition = knowing(one=listening("one", {}), two=listening("two", None))
    files = [part({f"net.{key}": t for key, t in weights.items()}, f"step_{step}.pt") for step in range(20)]
    for file in files:
        assert [*recognition.of(Piece(file))] == ["one"]
        assert recognition.role_of(Piece(file)) is None
        assert isinstance(find_design(Piece(file), None, "critic", recognition, Permission()), Design)
    assert set(asked.values()) == {1}
    assert len(asked) == 4  # two architectures, the keys as they are stored and without their prefix
    assert [*recognition.of(Piece(part({"0.weight": torch.zeros(7, 3)})))] == ["one"]
    assert len(asked) == 6


def test_the_same_keys_of_other_shapes_are_another_layout(
    part: MakePart, scaled: type[Architecture], knowing: Knowing
) -> None:
    recognition = knowing("scaled")
    for width in (5, 7):
        piece = Piece(part(scaled().build(width=width).state_dict()))
        assert recognition.of(piece) == {"scaled": {"width": width}}


def test_the_role_is_that_of_the_only_one_that_knows_the_keys(
    part: MakePart, knowing: Knowing, weights: dict[str, Tensor]
) -> None:
    piece = Piece(part(weights))
    judge = {"role": "critic"}
    assert knowing(judge=judge).role_of(piece) == ("judge", "critic")
    assert knowing("silent").role_of(piece) is None
    assert knowing("twin", judge=judge).role_of(piece) is None
    assert knowing(judge=judge).role_of(Piece(part({"weight": torch.zeros(1)}))) is None
    assert Recognition({}).role_of(piece) is None
