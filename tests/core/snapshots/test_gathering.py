"""Folders per role, samples beside networks, and the order of files, which never matters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.contracts.samples import Samples
from wganalyze.files.opening import OpenedFile
from wganalyze.networks.factories import Net
from wganalyze.networks.recognition import Recognition
from wganalyze.settings.facts import Said
from wganalyze.snapshots.assembly import assemble

Make = Callable[..., Any]
MakePart = Callable[..., Part]
BOTH = Said(generator=Net("torch.nn:Linear(3, 5)"), critic=Net("torch.nn:Linear(5, 1)"))


def halves(generators: str, critics: str, *steps: int) -> dict[str, str]:
    """Files of several steps, in a folder for each role."""
    return {
        f"{folder}/epoch_{n}.pth": f"{net}{n}" for n in steps for folder, net in ((generators, "G"), (critics, "D"))
    }


@pytest.mark.parametrize(
    ("generators", "critics"),
    [
        ("generator", "discriminator"),
        ("generators", "critics"),
        ("netG", "netD"),
        ("G", "D"),
        ("gen_weights", "discriminator_checkpoints"),
        ("GeneratorModels", "critic_ckpts"),
        ("out/generators", "out/discriminators"),
        ("my_generators", "critics"),
    ],
)
def test_folders_that_are_named_for_roles_hold_halves(opened: Make, generators: str, critics: str) -> None:
    folder = opened(**halves(generators, critics, 2, 10))
    assert [(s.step, s.step_unit) for s in folder.snapshots] == [(2, "epoch"), (10, "epoch")]
    assert folder.fills == [(2, 2), (10, 10)]
    assert not any(f.code == "equal-names" for s in folder.snapshots for f in s.findings)


def test_what_else_a_folder_says_is_kept(opened: Make) -> None:
    folder = opened(**halves("gen_run1", "disc_run1", 1), **halves("gen_run2", "disc_run2", 1))
    assert folder.labels == ["run1/epoch_1", "run2/epoch_1"]
    assert folder.fills == [(1, 1), (1, 1)]


def test_a_folder_of_both_is_no_half(opened: Make) -> None:
    folder = opened(**{"gen_exp/G.pth": "G1", "gen_exp/D.pth": "D1", "exp/G.pth": "G2", "exp/D.pth": "D2"})
    assert folder.labels == ["exp", "gen_exp"]
    assert folder.fills == [(2, 2), (1, 1)]


def test_with_patterns_the_same_step_in_sibling_folders_is_one_snapshot(opened: Make) -> None:
    said = Said(**BOTH, roles={"a/*": "generator", "b/*": "critic"})
    folder = opened(said, **halves("a", "b", 10, 20))
    assert folder.labels == ["epoch_10", "epoch_20"]
    assert folder.fills == [(10, 10), (20, 20)]
    assert "a/epoch_10.pth and b/epoch_10.pth taken as a pair" in folder.snapshots[0].assumptions


def test_siblings_are_paired_where_one_can_be_meant(opened: Make) -> None:
    said = Said(**BOTH, roles={"a*/*": "generator", "b/*": "critic"})
    folder = opened(said, **halves("a1", "b", 10), **{"a2/epoch_10.pth": "G3"})
    assert len(folder.snapshots) == 3


def test_runs_beside_one_another_are_no_halves(opened: Make) -> None:
    folder = opened(**{"run1/G_10.pth": "G1", "run2/D_10.pth": "D1"})
    assert folder.fills == [(1, None), (None, 1)]


def test_the_message_names_the_path_where_names_are_equal(opened: Make) -> None:
    folder = opened(**halves("first", "second", 10))
    said = {reason for s in folder.snapshots for reason in s.missing.values()}
    assert any("say --role first/epoch_10.pth=generator or --role first/epoch_10.pth=critic" in line for line in said)
    told = Said(**BOTH, roles={"first/epoch_10.pth": "generator", "second/epoch_10.pth": "critic"})
    assert opened(told).fill == (10, 10)


def test_the_message_names_the_parts_and_works(opened: Make) -> None:
    folder = opened(**{"[a].pth": ["D1", "D2"]})
    reason = folder.only.missing["critic"]
    assert "--role '[[]a].pth[0]=generator' --role '[[]a].pth[1]=critic'" in reason
    assert "the roles of [a].pth[0] and [a].pth[1] are unknown" in reason
    told = Said(critic=BOTH["critic"], roles={"[[]a].pth[0]": "ignore", "[[]a].pth[1]": "critic"})
    folder = opened(told)
    assert folder.fill == (None, 2)
    assert [*folder.assembled.notes.values()] == [("left out: 0 (--role or [files] says ignore)",)]


def test_prefixes_may_be_named_too(opened: Make) -> None:
    told = Said(**BOTH, roles={"a.pth[one]": "generator", "a.pth[two]": "critic"})
    assert opened(told, **{"a.pth": {"one.": "G1", "two.": "D2"}}).fill == (1, 2)


# Stored samples


def samples(path: str) -> Part:
    """Four samples."""
    keys = {"samples": TensorSpec((4, 2), "float32")}
    return Part(Path(path), "samples", keys=keys, read_samples=lambda: Samples(np.zeros((4, 2), np.float32), (2,)))


@pytest.mark.parametrize(
    "names",
    [
        ("samples_generator.npy", "samples_discriminator.npy"),
        ("G_10.npy", "D_10.npy"),
        ("fake_ema.npy", "fake.npy"),
        ("x.npy", "x.npz"),
        ("generator/x.npy", "critic/x.npy"),
        ("a-b.npy", "a_b.npy"),
    ],
)
def test_two_files_of_samples_are_two_snapshots(assembled: Make, names: tuple[str, ...]) -> None:
    folder = assembled(*map(samples, names))
    assert len(folder.snapshots) == len(set(folder.labels)) == 2
    assert {s.files[0].name for s in folder.snapshots} == {Path(name).name for name in names}


def test_samples_stand_in_for_the_generator_of_a_lone_critic(assembled: Make, weights: MakePart) -> None:
    snapshot = assembled(weights("D_10.pth"), samples("10.npy"), said=BOTH).only
    assert (snapshot.samples_stored, [*snapshot.designs]) == (4, ["critic"])


def test_samples_beside_a_pair_are_a_snapshot_of_their_own(assembled: Make, weights: MakePart) -> None:
    folder = assembled(weights("D_10.pth"), weights("G_10.pth"), samples("10.npy"), said=BOTH)
    assert sorted(s.make_samples is not None for s in folder.snapshots) == [False, True]


# In any order

NAMES = [
    "G_1.pt", "D_1.pt", "G_ema_1.pt", "G_2.pt", "D_2.pt", "generators/5.pt", "critics/5.pt", "a/7.pt", "b/7.pt",
    "my_generator.pt", "critic-v2.pt", "G.onnx", "D.onnx", "samples_G.npy", "samples_D.npy", "x.pt",
]  # fmt: skip


@given(names=st.sets(st.sampled_from(NAMES), min_size=2), data=st.data())
def test_the_order_of_the_files_does_not_matter(names: set[str], data: st.DataObject) -> None:
    root = Path("/ckpt")
    said = Said(roles={"a/*": "generator", "b/*": "critic"})

    def opened(name: str) -> OpenedFile:
        kind = Path(name).suffix
        part = Part(root / name, kind, keys={"weight": TensorSpec((2, 3), "float32")}, read_tensors=dict)
        if kind == ".npy":
            part = Part(root / name, kind, read_samples=lambda: Samples(np.zeros((4, 2), np.float32), (2,)))
        return OpenedFile(root / name, kind, (part,))

    def summary(files: list[str]) -> list[Any]:
        found = assemble([opened(name) for name in files], root, said, Recognition({}))
        return [(s.label, s.step, s.files, s.missing, s.assumptions, s.weights) for s in found.snapshots]

    assert summary(data.draw(st.permutations(sorted(names)))) == summary(sorted(names))


@pytest.mark.parametrize(
    ("name", "label"),
    [("netG_epoch_2.pth", "epoch_2"), ("generators/epoch_2.pth", "epoch_2"), ("G_epoch_2.pth", "epoch_2")],
)
def test_a_partner_that_cannot_be_read_is_named(opened: Make, tmp_path: Path, name: str, label: str) -> None:
    broken = tmp_path / "ckpt" / name
    broken.parent.mkdir(parents=True)
    broken.write_text("a text")
    (tmp_path / "ckpt" / "netG_losses.txt").write_text("of another name")
    critic = f"critics/{Path(name).name}" if "/" in name else "netD_epoch_2.pth"
    only = opened(**{critic: "D2"}).only
    assert only.label == label
    assert only.missing["generator"] == f"{name} cannot be read: no loader knows this kind of file"
