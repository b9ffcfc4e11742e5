"""What becomes of a moment's pieces: latents that programs state, stored samples, files beside, names and keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from wganalyze.contracts.loader import Input, Part, TensorSpec
from wganalyze.contracts.measurement import Finding
from wganalyze.contracts.samples import Samples
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.files.opening import OpenedFile
from wganalyze.host.registry import Host
from wganalyze.networks.factories import Net
from wganalyze.networks.trust import Permission
from wganalyze.settings.facts import Said
from wganalyze.snapshots.assembly import Assembled, assemble

Make = Callable[..., Assembled]
LINEAR = {"weight": TensorSpec((1, 5), "float32"), "bias": TensorSpec((1,), "float32")}


@pytest.fixture
def assembled(tmp_path: Path) -> Make:
    """Parts under relative paths, assembled; the files hold what makes them equal or not."""

    def make(
        *parts: Part,
        config: Said | None = None,
        permission: Permission | None = None,
        host: Host | None = None,
        **content: bytes,
    ) -> Assembled:
        placed = []
        for index, part in enumerate(parts):
            path = tmp_path / part.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.get(part.path.name.partition(".")[0], str(index).encode()))
            placed.append(OpenedFile(path, part.kind, (Part(**{**vars(part), "path": path}),)))
        return assemble(placed, tmp_path, config or Said(), host or Host(), permission)

    return make


def only(assembled: Assembled) -> Snapshot:
    """The one snapshot there is."""
    (snapshot,) = assembled.snapshots
    return snapshot


def weights(path: str, **more: object) -> Part:
    """A part with the weights of Linear(5, 1)."""
    net = nn.Linear(5, 1).state_dict()
    return Part(**{"path": Path(path), "kind": "test", "keys": LINEAR, "read_tensors": lambda: net, **more})  # type: ignore[arg-type]


def program(path: str, *inputs: Input) -> Part:
    """A part that is a program which runs no code of its file."""
    return Part(Path(path), "onnx", read_module=nn.Identity, runs_code=False, inputs=inputs)


@pytest.mark.parametrize(
    ("inputs", "shape", "classes"),
    [
        ([Input("z", (None, 96))], (96,), 0),
        ([Input("z", (1, 64, 1, 1))], (64, 1, 1), 0),
        ([Input("z", (None, 96)), Input("y", (None, 10), "float32")], (96,), 10),
        ([Input("z", (None, 96)), Input("y", (None,), "int64")], (96,), 0),
        ([Input("z", (None, 96)), Input("y", (None, 1), "float32")], (96,), 0),
        ([Input("z", (None, None))], (), 0),
        ([Input("z")], (), 0),
    ],
)
def test_a_program_states_its_latent(
    assembled: Make, inputs: list[Input], shape: tuple[int, ...], classes: int
) -> None:
    latent = only(assembled(program("generator.onnx", *inputs))).latent
    assert (latent.shape, latent.classes) == (shape, classes)
    assert latent.encoding == ("onehot" if classes else "index")


def test_a_program_may_state_how_many_labels_it_knows(assembled: Make) -> None:
    inputs = (Input("z", (None, 96)), Input("y", (None,), "int64"))
    part = Part(**{**vars(program("generator.onnx", *inputs)), "facts": {"classes": 7}})
    latent = only(assembled(part)).latent
    assert (latent.shape, latent.classes, latent.encoding) == ((96,), 7, "index")


def test_what_is_said_goes_before_what_a_program_states(assembled: Make) -> None:
    inputs = (Input("z", (None, 96)), Input("y", (None, 10)))
    said = Said(latent=(7,), classes=3, label_encoding="index")
    latent = only(assembled(program("generator.onnx", *inputs), config=said)).latent
    assert (latent.shape, latent.classes, latent.encoding) == ((7,), 3, "index")


def test_a_label_joined_to_the_latent_is_no_part_of_it(assembled: Make) -> None:
    config = Said(generator=Net("torch.nn:Linear(5, 1)"), classes=2, label_encoding="concat")
    assert only(assembled(weights("generator.pt"), config=config)).latent.shape == (3,)


@pytest.mark.parametrize(("shape", "latent"), [((10, 128), (10,)), ((4, 4, 64, 100), (100, 1, 1))])
def test_weights_that_fill_a_model_have_their_axes_as_keras_has_them(
    assembled: Make, shape: tuple[int, ...], latent: tuple[int, ...]
) -> None:
    part = Part(
        Path("generator.weights.h5"),
        "keras-weights",
        keys={"k": TensorSpec(shape, "float32")},
        fill=lambda _: nn.Identity(),
    )
    assert only(assembled(part, config=Said(generator=Net("a:b")))).latent.shape == latent


# Stored samples


def test_stored_samples_are_a_snapshot_without_networks(assembled: Make) -> None:
    stored = Samples(np.zeros((4, 2), np.float32), (2,))
    part = Part(Path("fakes_30.npy"), "samples", read_samples=lambda: stored, facts={"value_range": "0,255"})
    found = assembled(part)
    snapshot = only(found)
    assert snapshot.samples is stored
    assert (snapshot.step, snapshot.samples_range) == (30, (0.0, 255.0))
    assert snapshot.generator is None
    assert "stand in for one" in snapshot.missing["generator"]
    assert [*snapshot.lacking] == ["critic"]
    assert set(found.roles.values()) == {"unknown"}
    assert "no file of this snapshot is a critic" in snapshot.missing["critic"]


def test_a_folder_of_samples_may_be_the_path_itself(tmp_path: Path) -> None:
    folder = tmp_path / "samples_70"
    folder.mkdir()
    (folder / "1.png").touch()
    stored = Samples(np.zeros((4, 2), np.float32), (2,))
    part = Part(folder, "samples", read_samples=lambda: stored, others=(folder / "1.png",))
    snapshot = only(assemble([OpenedFile(folder, "samples", (part,))], folder, Said(), Host()))
    assert (snapshot.label, snapshot.step, snapshot.files) == ("samples_70", 70, (folder / "1.png",))


# Files beside the networks


def test_a_file_beside_gives_its_step_to_the_moment_it_is_named_for(assembled: Make) -> None:
    beside = [
        Part(Path("run/state_dict.pth"), "test", facts={"itr": 900}),
        Part(Path("run/state_dict_copy0.pth"), "test", facts={"itr": 800, "config.dim_z": 17}),
    ]
    nets = [weights(f"run/{name}.pth") for name in ("G", "D", "G_copy0", "D_copy0")]
    found = assembled(*beside, *nets, config=Said(generator=Net("a:b"), critic=Net("a:b")))
    assert [(s.label, s.step, s.step_unit) for s in found.snapshots] == [
        ("run/copy0", 800, "iteration"),
        ("run", 900, "iteration"),
    ]
    assert [s.latent.shape for s in found.snapshots] == [(17,), (5,)]
    assert {path.name: step for path, step in found.steps.items() if "D" in path.name} == {
        "D.pth": 900,
        "D_copy0.pth": 800,
    }
    assert all(len(s.files) == 3 for s in found.snapshots), "its bytes are part of the digest"


def test_a_pair_under_two_names_keeps_what_lies_beside_one_of_them(assembled: Make) -> None:
    record = Part(Path("run/state_dict.pth"), "test", facts={"itr": 900, "dim_z": 17})
    nets = [weights("run/G.pth"), weights("run/D_final.pth")]
    snapshot = only(assembled(record, *nets, config=Said(generator=Net("a:b"), critic=Net("a:b"))))
    assert (snapshot.step, snapshot.latent.shape) == (900, (17,))
    assert {path.name for path in snapshot.files} == {"G.pth", "D_final.pth", "state_dict.pth"}


def test_a_number_that_is_no_step_is_none(assembled: Make) -> None:
    snapshot = only(assembled(weights("checkpoint_30/model_1.safetensors", role="critic", numbered=False)))
    assert (snapshot.step, snapshot.step_unit) == (30, "")
    assert only(assembled(weights("model_12.pt", role="critic", numbered=False))).step is None


def test_two_unknown_roles_are_asked_for_with_both_options(assembled: Make) -> None:
    parts = [weights(f"ckpt/{name}.safetensors", numbered=False) for name in ("model", "model_1")]
    found = assembled(*parts)
    reasons = {reason for snapshot in found.snapshots for reason in snapshot.missing.values()}
    assert any("--role model.safetensors=" in reason for reason in reasons), reasons
    told = Said(
        roles={"model.safetensors": "generator", "model_1.safetensors": "critic"},
        generator=Net("a:b"),
        critic=Net("a:b"),
    )
    snapshot = only(assembled(*parts, config=told))
    assert snapshot.missing == {}
    assert len(snapshot.files) == 2


def test_other_networks_in_a_state_dict_are_named_and_left(assembled: Make) -> None:
    keys = {f"{net}.weight": TensorSpec((1, 5), "float32") for net in ("generator", "inception", "critic", "lpips")}
    found = assembled(weights("last.ckpt", keys=keys), config=Said(generator=Net("a:b"), critic=Net("a:b")))
    assert only(found).missing == {}
    assert [*found.notes.values()] == [("left: inception, lpips are no generator and no critic by their names",)]


# What the files show


def messages(snapshot: Snapshot, code: str) -> list[str]:
    return [finding.message for finding in snapshot.findings if finding.code == code]


def test_files_of_the_same_bytes_are_found(assembled: Make) -> None:
    parts = [weights("G_1.pt"), weights("G_2.pt"), weights("G_3.pt")]
    first, second, third = assembled(*parts, G_1=b"x" * 99, G_2=b"x" * 99, G_3=b"y" * 99).snapshots
    text = "G_1.pt and G_2.pt hold the same bytes: one of them may be a copy"
    assert first.findings == second.findings == (Finding("warning", "equal-files", text),)
    assert third.findings == ()


def test_one_name_in_two_folders_is_found_where_the_step_is_the_same(assembled: Make) -> None:
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
def test_a_name_that_contradicts_its_keys(assembled: Make, name: str, normed: bool, expected: str) -> None:
    net = torch.nn.utils.spectral_norm(nn.Linear(5, 1)) if normed else nn.Linear(5, 1)
    keys = {key: TensorSpec(tuple(t.shape), "float32") for key, t in net.state_dict().items()}
    found = messages(only(assembled(weights(name, keys=keys))), "name-contradicts-keys")
    assert len(found) == bool(expected)
    assert all(expected in text for text in found)


def test_what_may_be_guessed_is_kept_for_it(assembled: Make) -> None:
    part = weights("D.pt")
    assert only(assembled(part)).unbuilt == {}
    piece = only(assembled(part, permission=Permission(infer=True))).unbuilt["critic"]
    assert piece.keys == LINEAR


def test_an_architecture_that_says_its_role_stands_for_a_name_that_is_silent(assembled: Make, tmp_path: Path) -> None:
    class Line:
        """A linear critic."""

        name, role = "line", "critic"

        def build(self, **_: object) -> nn.Module:
            return nn.Linear(5, 1)

        def recognise(self, keys: Mapping[str, tuple[int, ...]]) -> Mapping[str, object] | None:
            return {} if set(keys) == {"weight", "bias"} else None

    host = Host(architectures={"line": Line()})
    snapshot = only(assembled(weights("method_7.pt"), host=host))
    assert snapshot.critic is not None
    assert "method_7.pt taken as the critic: its keys are those of line" in snapshot.assumptions
    assert only(assembled(weights("generator.pt"), host=host)).make_critic is None
