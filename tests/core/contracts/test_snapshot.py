"""Snapshots: digests, and networks that load when they are asked for."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from torch import nn

from wganalyze.contracts.snapshot import Snapshot


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
