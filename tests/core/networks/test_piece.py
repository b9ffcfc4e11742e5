"""One network in a file: what it holds, and who is named where it cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.errors import CheckpointError, TrustError
from wganalyze.networks.piece import Piece, few, layouts

MakePart = Callable[..., Part]
MakeNetwork = Callable[..., nn.Module]

Tensors = Mapping[str, Tensor]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_numbers_are_named(value: float, stored: dict[str, Tensor], part: MakePart) -> None:
    stored["3.weight"][0, 1] = value
    piece = Piece(part(stored))
    with pytest.raises(CheckpointError, match=r"critic\.pt: NaN or infinity in 3\.weight; this network cannot be"):
        piece.tensors()


def test_a_piece_sees_only_its_prefix(stored: dict[str, Tensor], part: MakePart) -> None:
    tensors = {**{f"netD.{k}": t for k, t in stored.items()}, "netG.weight": torch.full((2, 2), float("nan"))}
    piece = Piece(part(tensors, "run.pt"), "netD.")
    assert set(piece.keys) == set(stored) == set(piece.tensors())
    assert piece.place == "run.pt[netD]"
    assert piece.parameters == sum(t.numel() for t in stored.values())
    with pytest.raises(CheckpointError, match=r"run\.pt\[netG\]: NaN or infinity in weight"):
        Piece(part(tensors, "run.pt"), "netG.").tensors()


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_a_loader_that_raises_is_named_with_the_file(kind: type[BaseException]) -> None:
    def broken() -> Tensors:
        raise kind("buffer size must be a multiple\nof element size")

    fault = f"{kind.__name__}: buffer size must be a multiple of element size"
    reason = rf"critic\.jbin: the loader jbin cannot read it \({fault}\)"
    with pytest.raises(CheckpointError, match=reason):
        Piece(Part(Path("critic.jbin"), "jbin", read_tensors=broken)).tensors()


def test_a_program_has_no_weights_to_read(network: MakeNetwork) -> None:
    program = Part(Path("critic.pt"), "pickled module", read_module=network)
    with pytest.raises(CheckpointError, match=r"critic\.pt: holds a program"):
        Piece(program).tensors()


def test_a_fault_that_already_says_what_to_do_stays_as_it_is() -> None:
    def refused() -> Tensors:
        raise TrustError("say --trust")

    with pytest.raises(TrustError, match=r"^say --trust$"):
        Piece(Part(Path("critic.pt"), "test", read_tensors=refused)).tensors()


def test_layouts_lose_what_all_keys_share() -> None:
    keys = {f"module.net.{key}": TensorSpec((1,), "") for key in ("0.weight", "1.bias")}
    assert [[*layout] for layout in layouts(keys)] == [
        ["module.net.0.weight", "module.net.1.bias"],
        ["net.0.weight", "net.1.bias"],
        ["0.weight", "1.bias"],
    ]
    assert [*layouts({})] == []


def test_a_long_list_is_cut() -> None:
    assert few([*"abcdef"]) == "a, b, c, d, e, f"
    assert few([*"abcdefgh"]) == "a, b, c, d, e, f and 2 more"


@pytest.mark.parametrize("dtype", [torch.float8_e5m2, torch.bfloat16, torch.complex64, torch.float64])
def test_nan_of_any_type_is_named(dtype: torch.dtype) -> None:
    for value, is_good in ((1.0, True), (float("nan"), False)):
        tensors = {"w": torch.full((2, 2), value).to(dtype), "n": torch.ones(2, dtype=torch.int64)}
        piece = Piece(Part(Path("g.pt"), "test", read_tensors=lambda tensors=tensors: tensors))  # type: ignore[misc]
        if is_good:
            assert piece.tensors() == tensors
            continue
        with pytest.raises(CheckpointError, match="NaN or infinity in w"):
            piece.tensors()


def test_plain_keys_are_those_of_the_network_alone() -> None:
    keys = {
        "module.main._orig_mod.0.parametrizations.weight.original0": TensorSpec((4, 1), "float32"),
        "module.main._orig_mod.0.parametrizations.weight.original1": TensorSpec((4, 3), "float32"),
        "module.main._orig_mod.0.bias": TensorSpec((4,), "float32"),
        "n_averaged": TensorSpec((), "int64"),
    }
    plain = Piece(Part(Path("g.pt"), "test", keys=keys)).plain_keys
    assert {key: spec.shape for key, spec in plain.items()} == {"main.0.weight": (4, 3), "main.0.bias": (4,)}
