"""Where readings compete: a stranger's architecture that fails loses its own readings, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from wganalyze.contracts.architecture import Architecture, Proposer, Shapes
from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.inference.court import Court, Measure, Refusal
from wganalyze.inference.evidence import Evidence
from wganalyze.networks.piece import Piece


class Flat(Proposer):
    """One layer, of whose bends it proposes two."""

    name = "flat"
    factory = "flats:make"

    def build(self, **arguments: Any) -> nn.Module:
        bend = nn.ReLU() if arguments["bent"] else nn.Identity()
        return nn.Sequential(nn.Linear(4, 1), bend)

    def recognise(self, keys: Shapes) -> None:
        """None."""

    def propose(
        self, keys: Shapes, role: object, sample_shape: tuple[int, ...], near: Mapping[str, Any] | None = None
    ) -> Sequence[Mapping[str, Any]]:
        return [{"bent": False}, {"bent": True}]


def broken(**members: object) -> Architecture:
    """A stranger's proposer with other members."""
    return type("Broken", (Flat,), {"name": "broken", "factory": "broken:make", **members})()


def raising(error: BaseException) -> Callable[..., Any]:
    """A method that raises."""

    def method(*_: object, **__: object) -> Any:
        raise error

    return method


def court(*architectures: Architecture, measures: Mapping[str, Measure] | None = None) -> Court:
    """Of a critic that is Linear(4, 1)."""
    tensors = {"0.weight": torch.tensor([[1.0, -1.0, 2.0, 0.5]]), "0.bias": torch.tensor([0.25])}
    keys = {key: TensorSpec(tuple(t.shape), "float32") for key, t in tensors.items()}
    piece = Piece(Part(Path("critic.pt"), "test", keys=keys, read_tensors=lambda: tensors))
    probe = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
    return Court(piece, "critic", {a.name: a for a in architectures}, (4,), probe, measures or {})


def straight(module: nn.Module, n: int) -> Evidence:
    """Speaks for what does not bend."""
    return Evidence((0.01 if isinstance(module[1], nn.Identity) else 1.0,), (64.0,), 0.1)  # type: ignore[index]


FAULTS = {
    "propose": {"propose": raising(KeyError("weight"))},
    "propose, and it ends the program": {"propose": raising(SystemExit("no licence"))},
    "propose, with a reason": {"propose": raising(ValueError("this is no broken one"))},
    "build": {"build": raising(KeyError("bent"))},
    "build, and it ends the program": {"build": raising(SystemExit("no licence"))},
    "no network": {"build": lambda self, **_: 3},
    "other shapes": {"build": lambda self, **_: nn.Linear(3, 1)},
    "a network that cannot run": {"build": lambda self, **_: nn.Sequential(nn.Linear(4, 1), nn.Unflatten(0, (3, 7)))},
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("first", [True, False])
def test_a_proposer_that_fails_loses_its_own_readings_alone(fault: str, first: bool) -> None:
    strange, sound = broken(**FAULTS[fault]), Flat()
    trial, why = court(*((strange, sound) if first else (sound, strange)), measures={"straightness": straight}).decide()
    assert trial.proposer is sound
    assert trial.option == "flats:make(bent=False)"
    assert why.startswith("chosen by straightness (error 0.01, next best 1")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("propose", r"^the architecture broken failed \(KeyError: 'weight'\)$"),
        ("propose, and it ends the program", r"^the architecture broken failed \(SystemExit: no licence\)$"),
        ("propose, with a reason", r"^this is no broken one$"),
        ("build", r"^no usual reading runs on samples of this shape$"),
    ],
)
def test_where_it_is_alone_there_is_a_refusal(fault: str, reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        court(broken(**FAULTS[fault])).decide()


def test_without_proposers_there_is_a_refusal() -> None:
    with pytest.raises(Refusal, match=r"^no installed plugin proposes readings$"):
        court().decide()


def test_a_proposer_without_variations_keeps_its_reading() -> None:
    def once(
        self: object, keys: Shapes, role: object, shape: object, near: object = None
    ) -> Sequence[Mapping[str, Any]]:
        if near is not None:
            raise SystemExit("no licence")
        return [{"bent": False}, {"bent": True}]

    trial, _ = court(broken(propose=once), measures={"straightness": straight}).decide()
    assert trial.option == "broken:make(bent=False)"


def test_notes_that_are_no_text_are_no_words_of_a_reading() -> None:
    def build(self: object, **arguments: Any) -> nn.Module:
        net = Flat().build(**arguments)
        net.in_words = 7  # type: ignore[assignment]
        return net

    trial, _ = court(broken(build=build), Flat(), measures={"straightness": straight}).decide()
    assert (trial.proposer.name, trial.text) == ("flat", "flats:make(bent=False)")


def test_what_cannot_be_told_apart_is_laid_out() -> None:
    with pytest.raises(Refusal) as caught:
        court(Flat()).decide()
    assert str(caught.value) == (
        "2 readings fit about equally well; choose flats:make(bent=False): --critic 'flats:make(bent=False)' "
        "or flats:make(bent=True): --critic 'flats:make(bent=True)'"
    )
