"""Files of many trainers become ordered snapshots: steps, labels, and what lies beside the networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.files.opening import OpenedFile, open_path
from wganalyze.host.registry import Host
from wganalyze.networks.factories import Net
from wganalyze.networks.recognition import Recognition
from wganalyze.settings.facts import Said
from wganalyze.snapshots.assembly import assemble

Make = Callable[..., Any]
MakePart = Callable[..., Part]


def trajectory(name: str, *steps: int) -> dict[str, Any]:
    """Files of several steps, filled with their numbers; NAME holds {net} and {step}."""
    return {name.format(net=net, step=step): f"{net}{step}" for step in steps for net in ("G", "D")}


@pytest.mark.parametrize(
    ("name", "label", "unit"),
    [
        ("{net}_step_{step}.pt", "step_{}", "step"),
        ("{net}{step}.pt", "{}", ""),
        ("epoch_{step}/{net}.pt", "epoch_{}", "epoch"),
        ("{step}/{net}.pt", "{}", ""),
        ("run/kimg{step}-{net}.pt", "run/kimg_{}", "kimg"),
        ("{net}/iter-{step}.pt", "iter_{}", "iteration"),
    ],
)
def test_steps_are_ordered_by_number(opened: Make, name: str, label: str, unit: str) -> None:
    folder = opened(**trajectory(name, 10, 2, 1, 100))
    assert [s.step for s in folder.snapshots] == [1, 2, 10, 100]
    assert folder.labels == [label.format(step) for step in (1, 2, 10, 100)]
    assert {s.step_unit for s in folder.snapshots} == {unit}
    assert folder.fills == [(1, 1), (2, 2), (10, 10), (100, 100)]


def test_runs_in_folders_are_kept_apart_and_in_natural_order(opened: Make) -> None:
    folder = opened(**trajectory("run_10/{net}_{step}.pt", 10, 9), **trajectory("run_9/{net}_{step}.pt", 20, 3))
    assert folder.labels == ["run_9/3", "run_9/20", "run_10/9", "run_10/10"]


def test_the_step_in_the_file_goes_before_its_name(opened: Make) -> None:
    files = {
        "ckpt_1.pt": {"G": "G1", "D": "D1", "global_step": 900},
        "ckpt_2.pt": {"G": "G2", "D": "D2", "global_step": 30},
    }
    folder = opened(**files)
    assert [(s.label, s.step, s.step_unit) for s in folder.snapshots] == [
        ("ckpt_2", 30, "step"),
        ("ckpt_1", 900, "step"),
    ]


def test_one_half_that_knows_the_step_is_enough(opened: Make) -> None:
    folder = opened(**{"G.pt": {"state_dict": "G1", "epoch": 12}, "D.pt": "D2"})
    snapshot = folder.only
    assert folder.fill == (1, 2)
    assert (snapshot.step, snapshot.step_unit) == (12, "epoch")


def test_a_step_that_the_format_states_goes_before_everything(assembled: Make, weights: MakePart) -> None:
    folder = assembled(weights("G_5.weights", role="generator", step=44))
    assert folder.only.step == 44
    assert [*folder.assembled.steps.values()] == [44]
    assert [*folder.assembled.roles.values()] == [{"generator"}]


@given(steps=st.sets(st.integers(0, 10**9), min_size=1, max_size=6), data=st.data())
def test_any_steps_in_any_order(steps: set[int], data: st.DataObject) -> None:
    """Parts without bytes: whatever the order of the files, the snapshots are in the order of their steps."""
    root = Path("/ckpt")
    paths = [root / f"{net}_{step}.pt" for step in steps for net in ("G", "D")]
    spec = {"weight": TensorSpec((2, 3), "float32")}
    files = [OpenedFile(p, "k", (Part(p, "k", keys=spec),)) for p in data.draw(st.permutations(paths))]
    assembled = assemble(files, root, Said(), Recognition({}))
    assert [s.step for s in assembled.snapshots] == sorted(steps)
    assert all(len(s.files) == 2 for s in assembled.snapshots)


def test_labels_never_collide(opened: Make) -> None:
    files = {"x/G.pt": "G1", "x_G.pt": "G2", "ckpt_G.pt": "G3", "G.pt": "G4"}
    folder = opened(**files)
    assert len(folder.snapshots) == 4
    assert len(set(folder.labels)) == 4
    assert {label.partition(" #")[0] for label in folder.labels} == {"x", "ckpt"}


def test_a_single_file_is_labelled_by_its_name(tmp_path: Path, host: Host) -> None:
    path = tmp_path / "generator.pt"
    torch.save({"weight": torch.zeros(5, 3), "bias": torch.zeros(5)}, path)
    (snapshot,) = assemble(open_path(path, host.loaders), path, Said(), Recognition({})).snapshots
    assert snapshot.label == "generator"


def test_a_file_beside_gives_its_step_to_the_moment_it_is_named_for(assembled: Make, weights: MakePart) -> None:
    beside = [
        Part(Path("run/state_dict.pth"), "test", facts={"itr": 900}),
        Part(Path("run/state_dict_copy0.pth"), "test", facts={"itr": 800, "config.dim_z": 17}),
    ]
    nets = [weights(f"run/{name}.pth") for name in ("G", "D", "G_copy0", "D_copy0")]
    folder = assembled(*beside, *nets, said=Said(generator=Net("a:b"), critic=Net("a:b")))
    assert [(s.label, s.step, s.step_unit) for s in folder.snapshots] == [
        ("run/copy0", 800, "iteration"),
        ("run", 900, "iteration"),
    ]
    assert [s.latent.shape for s in folder.snapshots] == [(17,), (5,)]
    assert {path.name: step for path, step in folder.assembled.steps.items() if "D" in path.name} == {
        "D.pth": 900,
        "D_copy0.pth": 800,
    }
    assert all(len(s.files) == 3 for s in folder.snapshots), "its bytes are part of the digest"


def test_a_number_that_is_no_step_is_none(assembled: Make, weights: MakePart) -> None:
    snapshot = assembled(weights("checkpoint_30/model_1.safetensors", role="critic", numbered=False)).only
    assert (snapshot.step, snapshot.step_unit) == (30, "")
    assert assembled(weights("model_12.pt", role="critic", numbered=False)).only.step is None
