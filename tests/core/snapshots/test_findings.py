"""What the files themselves show: equal content, equal names, names that contradict keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.contracts.measurement import Finding
from wganalyze.contracts.snapshot import Snapshot

Make = Callable[..., Any]
MakePart = Callable[..., Part]


def messages(snapshot: Snapshot, code: str) -> list[str]:
    """Of the findings of one code."""
    return [finding.message for finding in snapshot.findings if finding.code == code]


def test_files_of_the_same_bytes_are_found(assembled: Make, weights: MakePart) -> None:
    parts = [weights("G_1.pt"), weights("G_2.pt"), weights("G_3.pt")]
    first, second, third = assembled(*parts, G_1=b"x" * 99, G_2=b"x" * 99, G_3=b"y" * 99).snapshots
    text = "G_1.pt and G_2.pt hold the same bytes: one of them may be a copy"
    assert first.findings == second.findings == (Finding("warning", "equal-files", text),)
    assert third.findings == ()


def test_one_name_in_two_folders_is_found_where_the_step_is_the_same(assembled: Make, weights: MakePart) -> None:
    parts = [weights(f"{run}/G_{step}.pt") for run in ("a", "b") for step in (1, 2)]
    text = "a and b hold files of the same names (G_1.pt and G_2.pt): each folder is taken for a run of its own"
    assert [messages(s, "equal-names") for s in assembled(*parts).snapshots] == [[text]] * 4
    by_step = [weights(f"epoch_{step}/{net}.pt") for step in (1, 2) for net in ("G", "D")]
    by_role = [weights(f"{net}/3.pt") for net in ("generator", "critic")]
    for parts in (by_step, by_role):
        assert all(messages(s, "equal-names") == [] for s in assembled(*parts).snapshots)


@pytest.mark.parametrize(
    ("name", "normed", "expected"),
    [
        ("WGANGP/netD_3.pth", True, "calls itself WGANGP, and its keys are those of spectral normalisation"),
        ("wgan-gp_critic.pt", True, "calls itself wgan-gp"),
        ("sngan/D.pt", False, "calls itself sngan, and no key of its critic shows spectral normalisation"),
        ("sngan/D.pt", True, ""),
        ("WGANGP/netD_3.pth", False, ""),
        ("sngan_wgan_gp/D.pt", True, ""),
        ("snapshots/D.pt", False, ""),
    ],
)
def test_a_name_that_contradicts_its_keys(
    assembled: Make, name: str, normed: bool, expected: str, weights: MakePart
) -> None:
    net = torch.nn.utils.spectral_norm(nn.Linear(5, 1)) if normed else nn.Linear(5, 1)
    keys = {key: TensorSpec(tuple(t.shape), "float32") for key, t in net.state_dict().items()}
    shown = messages(assembled(weights(name, keys=keys)).only, "name-contradicts-keys")
    assert len(shown) == bool(expected)
    assert all(expected in text for text in shown)
