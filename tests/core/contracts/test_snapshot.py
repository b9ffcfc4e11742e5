"""Snapshots and parts: sizes, digests, and networks that load when they are asked for."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.contracts.snapshot import Snapshot

SHAPES = st.lists(st.integers(0, 9), max_size=4).map(tuple)


@given(SHAPES)
def test_the_size_of_a_tensor_is_the_product_of_its_shape(shape: tuple[int, ...]) -> None:
    assert TensorSpec(shape, "float32").size == math.prod(shape)


@given(st.dictionaries(st.text(min_size=1), SHAPES))
def test_the_parameters_of_a_part_are_all_elements(shapes: dict[str, tuple[int, ...]]) -> None:
    part = Part(Path("a.pt"), "kind", keys={key: TensorSpec(shape, "float32") for key, shape in shapes.items()})
    assert part.parameters == sum(math.prod(shape) for shape in shapes.values())


def test_networks_load_once_and_again_after_release() -> None:
    calls: list[str] = []

    def make(name: str) -> nn.Module:
        calls.append(name)
        return nn.Identity()

    snapshot = Snapshot(
        "s", 1, "step", (), make_generator=lambda: make("generator"), make_critic=lambda: make("critic")
    )
    assert calls == []
    first = snapshot.generator
    assert first is snapshot.generator
    assert snapshot.critic is snapshot.critic
    assert calls == ["generator", "critic"]
    snapshot.release()
    assert snapshot.generator is not first
    assert calls == ["generator", "critic", "generator"]


def test_a_snapshot_without_networks() -> None:
    snapshot = Snapshot("s", None, "", ())
    assert (snapshot.generator, snapshot.critic) == (None, None)
    snapshot.release()


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"one")
    b.write_bytes(b"two")
    digest = Snapshot("s", 1, "step", (a, b)).digest
    expected = hashlib.sha256(hashlib.sha256(b"one").digest() + hashlib.sha256(b"two").digest())
    assert digest == expected.hexdigest()
    (tmp_path / "moved").mkdir()
    moved = a.rename(tmp_path / "moved" / "c"), b
    assert Snapshot("other", 2, "epoch", moved).digest == digest
    assert Snapshot("s", 1, "step", (b,)).digest != digest
    b.write_bytes(b"twO")
    assert Snapshot("s", 1, "step", moved).digest != digest


def test_a_file_that_went_away_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _ = Snapshot("s", 1, "step", (tmp_path / "gone",)).digest
