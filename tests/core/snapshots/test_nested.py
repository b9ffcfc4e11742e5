"""A critic within the loss of its generator: both are networks of their own, and the generator has no loss in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.snapshots.nested import nested_critics, without

Make = Callable[..., Any]


def keys(*names: str) -> dict[str, TensorSpec]:
    return {name: TensorSpec((3, 3), "float32") for name in names}


@pytest.mark.parametrize("critic", ["discriminator", "disc", "critic", "netD"])
@pytest.mark.parametrize("loss", ["loss.", "module.loss.", "criterion."])
def test_the_critic_is_found(critic: str, loss: str) -> None:
    stored = keys("encoder.weight", f"{loss}{critic}.main.0.weight", f"{loss}perceptual_loss.lin0.weight")
    assert nested_critics(["encoder.", loss], stored) == {loss: f"{loss}{critic}."}


@pytest.mark.parametrize(
    "names",
    [
        ["encoder.weight", "loss.perceptual_loss.lin0.weight"],
        ["loss.discriminator.0.weight"],
        ["encoder.weight", "loss.discriminator"],
        ["encoder.weight", "loss.disc.0.weight", "loss.critic.0.weight"],
        ["encoder.weight", "loss.disc_feature_extractor.0.weight"],
    ],
)
def test_where_there_is_none_or_no_single_one(names: list[str]) -> None:
    assert nested_critics(["encoder.", "loss."], keys(*names)) == {}


def test_the_rest_is_without_it() -> None:
    stored = {name: torch.ones(3, 3) for name in ("encoder.weight", "loss.disc.weight", "lossy.weight")}
    part = without(Part(Path("a.ckpt"), "test", keys=keys(*stored), read_tensors=lambda: stored), "loss.")
    assert part.read_tensors is not None
    assert list(part.keys) == list(part.read_tensors()) == ["encoder.weight", "lossy.weight"]
    assert without(Part(Path("a.ckpt"), "test", keys=keys(*stored)), "loss.").read_tensors is None


def test_a_program_is_run_as_a_whole(assembled: Make) -> None:
    """It cannot be cut in two."""
    stored = keys("encoder.weight", "loss.disc.main.0.weight")
    (snapshot,) = assembled(Part(Path("a.pt"), "test", keys=stored, read_module=torch.nn.Identity)).snapshots
    assert snapshot.missing["generator"].startswith("the role of a.pt is unknown")
    (snapshot,) = assembled(Part(Path("a.pt"), "test", keys=stored, read_tensors=dict)).snapshots
    assert snapshot.missing["generator"].startswith("the architecture of a.pt is unknown")


def test_a_name_of_the_file_goes_first(opened: Make) -> None:
    state = {"a.weight": torch.ones(5, 3), "loss.disc.weight": torch.ones(1, 5)}
    (snapshot,) = opened(**{"netG.pt": state}).snapshots
    assert "critic" in snapshot.missing
