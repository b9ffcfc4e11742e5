"""What becomes of a moment's pieces: several critics, programs, stored samples, networks that may be guessed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from wganalyze.contracts.loader import Part
from wganalyze.contracts.samples import Samples
from wganalyze.files.opening import OpenedFile
from wganalyze.networks.factories import Net
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.trust import Permission
from wganalyze.settings.facts import Said
from wganalyze.snapshots.assembly import assemble

Make = Callable[..., Any]
MakePart = Callable[..., Part]


def test_two_critics_are_two_snapshots(opened: Make) -> None:
    content = {"G": "G1", "critic_a": "D2", "critic_b": "D3"}
    folder = opened(**{"step_4.pt": content})
    assert folder.fills == [(1, 2), (1, 3)]
    assert folder.labels == ["step_4 (step_4.pt[critic_a])", "step_4 (step_4.pt[critic_b])"]
    assert {s.step for s in folder.snapshots} == {4}


def test_an_unknown_architecture_says_the_option(opened: Make) -> None:
    snapshot = opened(Said(), **{"G.pt": "G1", "D.pt": "D2"}).only
    for role, file in (("generator", "G.pt"), ("critic", "D.pt")):
        assert f"the architecture of {file} is unknown; say --{role} " in snapshot.missing[role]


def test_a_program_needs_no_factory(assembled: Make) -> None:
    """It brings its own architecture, whatever factory the state dicts beside it need."""
    part = Part(Path("G.pt"), "made-up", read_module=lambda: nn.Linear(3, 5))
    said = Said(generator=Net("torch.nn:Flatten"), critic=Net("torch.nn:Flatten"))
    snapshot = assembled(part, said=said).only
    assert snapshot.missing["generator"] == "G.pt is a program (made-up); --trust runs it"
    assert isinstance(assembled(part, said=said, permission=Permission(trust=True)).only.generator, nn.Linear)


def test_stored_samples_are_a_snapshot_without_networks(assembled: Make) -> None:
    stored = Samples(np.zeros((4, 2), np.float32), (2,))
    part = Part(Path("fakes_30.npy"), "samples", read_samples=lambda: stored, value_range=(0.0, 255.0))
    folder = assembled(part)
    snapshot = folder.only
    assert snapshot.samples is stored
    assert (snapshot.step, snapshot.samples_range) == (30, (0.0, 255.0))
    assert snapshot.generator is None
    assert "stand in for one" in snapshot.missing["generator"]
    assert [*snapshot.lacking] == ["critic"]
    assert set(folder.assembled.roles.values()) == {frozenset({None})}
    assert "no file of this snapshot is a critic" in snapshot.missing["critic"]


def test_a_folder_of_samples_may_be_the_path_itself(tmp_path: Path) -> None:
    folder = tmp_path / "samples_70"
    folder.mkdir()
    (folder / "1.png").touch()
    stored = Samples(np.zeros((4, 2), np.float32), (2,))
    part = Part(folder, "samples", read_samples=lambda: stored, others=(folder / "1.png",))
    (snapshot,) = assemble([OpenedFile(folder, "samples", (part,))], folder, Said(), Recognition({})).snapshots
    assert (snapshot.label, snapshot.step, snapshot.files) == ("samples_70", 70, (folder / "1.png",))


def test_what_may_be_guessed_is_kept_for_it(assembled: Make, weights: MakePart) -> None:
    part = weights("D.pt")
    assert assembled(part).only.unbuilt == {}
    piece = assembled(part, permission=Permission(infer=True)).only.unbuilt["critic"]
    assert piece.keys == part.keys
