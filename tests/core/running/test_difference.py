"""Two checkpoints of any format are compared without anything of them being run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from wganalyze.contracts.loader import Loader, Part, TensorSpec
from wganalyze.errors import UsageError
from wganalyze.host.loading import load_host
from wganalyze.running.difference import HEADERS, PROGRAM, Difference, difference

LOADERS = load_host().loaders


def compare(a: Path, b: Path, **more: Any) -> Difference:
    """With the built-in loaders."""
    return difference(a, b, LOADERS, **more)


def statuses(found: Difference) -> dict[str, str]:
    """By key."""
    return {tensor.key: tensor.status for tensor in found.tensors}


def net(seed: int = 0) -> nn.Sequential:
    """A small generator."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))


def test_every_kind_of_difference(tmp_path: Path) -> None:
    a = net().state_dict()
    b = {key: tensor.clone() for key, tensor in a.items()}
    b["0.weight"] *= 1.5
    b["1.num_batches_tracked"] += 7
    b["2.weight"] = torch.zeros(5, 8)
    b["2.bias"] = b["2.bias"].half()
    b["3.weight"] = b.pop("1.bias")
    torch.save(a, tmp_path / "G_1.pt")
    torch.save(b, tmp_path / "other.pth")
    found = compare(tmp_path / "G_1.pt", tmp_path / "other.pth")
    assert statuses(found) == {
        "0.weight": "changed",
        "0.bias": "equal",
        "1.weight": "equal",
        "1.bias": "removed",
        "1.running_mean": "equal",
        "1.running_var": "equal",
        "1.num_batches_tracked": "changed",
        "2.weight": "reshaped",
        "2.bias": "retyped",
        "3.weight": "added",
    }
    by_key = {tensor.key: tensor for tensor in found.tensors}
    far = by_key["0.weight"].distance
    assert far is not None
    assert (far.relative, far.spectral_relative) == (pytest.approx(0.5), pytest.approx(0.5))
    assert by_key["2.bias"].distance is not None, "values of other types are compared all the same"
    assert (by_key["2.weight"].a, by_key["2.weight"].b) == (
        TensorSpec((3, 8), "float32"),
        TensorSpec((5, 8), "float32"),
    )
    assert not found.equal
    assert found.counts == {"equal": 4, "changed": 2, "removed": 1, "added": 1, "reshaped": 1, "retyped": 1}


def test_a_format_does_not_matter(tmp_path: Path) -> None:
    weights = net().state_dict()
    torch.save(weights, tmp_path / "a.pt")
    save_file(weights, tmp_path / "b.safetensors")
    assert compare(tmp_path / "a.pt", tmp_path / "b.safetensors").equal


def test_what_is_compared_with_itself_is_equal(tmp_path: Path) -> None:
    torch.save({"G": net().state_dict(), "loss": float("nan"), "epoch": 3}, tmp_path / "a.pt")
    torch.save({"G": net().state_dict(), "loss": float("nan"), "epoch": 3}, tmp_path / "b.pt")
    assert compare(tmp_path / "a.pt", tmp_path / "a.pt").equal
    assert compare(tmp_path / "a.pt", tmp_path / "b.pt").equal


def test_facts_that_differ_are_told_once(tmp_path: Path) -> None:
    for name, epoch in (("a.pt", 3), ("b.pt", 4)):
        torch.save({"G": net().state_dict(), "D": net(1).state_dict(), "epoch": epoch}, tmp_path / name)
    found = compare(tmp_path / "a.pt", tmp_path / "b.pt")
    assert set(statuses(found).values()) == {"equal"}
    assert ("epoch", 3, 4) in [(fact.name, fact.a, fact.b) for fact in found.facts]
    assert len({(fact.name, str(fact.a), str(fact.b)) for fact in found.facts}) == len(found.facts)
    assert not found.equal


def test_folders_are_matched_by_path(tmp_path: Path) -> None:
    for folder, steps in (("a", (1, 2)), ("b", (2, 3))):
        (tmp_path / folder / "run").mkdir(parents=True)
        for step in steps:
            torch.save(net(step).state_dict(), tmp_path / folder / "run" / f"G_{step}.pt")
    found = compare(tmp_path / "a", tmp_path / "b")
    by_file = {(tensor.file, tensor.status) for tensor in found.tensors}
    assert by_file == {("run/G_1.pt", "removed"), ("run/G_2.pt", "equal"), ("run/G_3.pt", "added")}


def test_samples_are_compared_too(tmp_path: Path) -> None:
    points = np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)
    np.save(tmp_path / "a.npy", points)
    np.save(tmp_path / "b.npy", points * 2)
    (row,) = compare(tmp_path / "a.npy", tmp_path / "b.npy").tensors
    assert row.distance is not None
    assert row.distance.relative == pytest.approx(1.0)


@pytest.mark.parametrize("headers", [True, False])
def test_headers_are_enough_where_the_same_bytes_or_no_shape_agrees(
    headers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loaders whose tensors cannot be read at all."""

    def unreadable() -> Any:
        raise AssertionError("was read")

    class Fake(Loader):
        name = "fake"

        def sniff(self, path: Path) -> float:
            return 1.0

        def open(self, path: Path) -> list[Part]:
            shape = tuple(path.read_bytes())
            return [Part(path, "fake", keys={"w": TensorSpec(shape, "float32")}, read_tensors=unreadable)]

    for name, content in {"a": b"\x02\x03", "same": b"\x02\x03", "other": b"\x03\x02"}.items():
        (tmp_path / name).write_bytes(content)
    loaders = {"fake": Fake()}
    assert difference(tmp_path / "a", tmp_path / "same", loaders, headers=headers).equal
    reshaped = difference(tmp_path / "a", tmp_path / "other", loaders, headers=headers)
    assert statuses(reshaped) == {"w": "reshaped"}
    monkeypatch.setattr("wganalyze.running.difference.equal_files", lambda paths: [])
    (row,) = difference(tmp_path / "a", tmp_path / "same", loaders, headers=headers).tensors
    assert row.status == "unread"
    assert row.note == (HEADERS if headers else "AssertionError: was read")


class Stranger(nn.Linear):
    """Code of somebody else, which counts how often it is made again."""

    made = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        Stranger.made += 1
        super().__setstate__(state)


@pytest.mark.parametrize("save", [lambda n, p: torch.save(n, p), lambda n, p: torch.jit.script(n).save(p)])
def test_a_program_is_not_run(save: Callable[[nn.Module, str], None], tmp_path: Path) -> None:
    torch.manual_seed(0)
    for name in ("a.pt", "b.pt"):
        save(Stranger(3, 2), str(tmp_path / name))
    Stranger.made = 0
    found = compare(tmp_path / "a.pt", tmp_path / "b.pt")
    assert Stranger.made == 0
    assert not found.equal
    assert {tensor.status for tensor in found.tensors} == {"unread"} or found.problems
    assert {tensor.note for tensor in found.tensors} <= {PROGRAM}
    assert compare(tmp_path / "a.pt", tmp_path / "a.pt").equal


def test_a_damaged_file_is_a_problem_of_its_own(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for name in ("G.pt", "D.pt"):
            torch.save(net().state_dict(), tmp_path / folder / name)
    damaged = tmp_path / "b" / "D.pt"
    damaged.write_bytes(damaged.read_bytes()[:-300])
    found = compare(tmp_path / "a", tmp_path / "b")
    assert {(tensor.file, tensor.status) for tensor in found.tensors} == {("G.pt", "equal")}
    assert len(found.problems) == 1
    assert str(damaged) in found.problems[0]
    assert not found.equal
    with pytest.raises(UsageError, match="nothing could be opened"):
        compare(damaged, tmp_path / "a")
    with pytest.raises(UsageError, match="no such file or folder"):
        compare(tmp_path / "a", tmp_path / "nowhere")
