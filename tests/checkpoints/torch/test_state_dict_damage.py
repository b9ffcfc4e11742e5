"""Damaged and hostile files, offered to every loader: a CheckpointError of one line, and never another error."""

from __future__ import annotations

import random
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.checkpoints.conftest import forms, weights_of

from wganalyze.contracts.loader import Part
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.torch.module_pickle import TorchModulePickle
from wganalyze_checkpoints.torch.script import TorchScript
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADER = TorchStateDict()


def opened(path: Path) -> dict[str, Part]:
    """The parts by name."""
    assert LOADER.sniff(path) == 0.9
    return {part.name: part for part in LOADER.open(path)}


def visited(path: Path) -> list[str]:
    """Offers the file to all loaders; the words of the CheckpointErrors on the way, and no other error."""
    words = []
    for loader in (LOADER, TorchModulePickle(), TorchScript()):
        confidence = loader.sniff(path)
        assert 0 <= confidence <= 1
        try:
            for part in loader.open(path):
                if part.read_tensors is not None:
                    weights_of(part)
        except CheckpointError as error:
            words.append(str(error))
    return words


@pytest.mark.parametrize("foreign", [False, True])
@forms
def test_a_file_cut_at_any_byte_is_refused_by_every_loader(
    save: Callable[..., Path], write: Callable[..., Path], form: str, foreign: bool
) -> None:
    value = {"g": {"w": torch.ones(2)}, **({"args": Namespace()} if foreign else {})}
    content = save(value, form, "n.pt").read_bytes()
    for end in range(len(content)):
        words = visited(write(content[:end]))
        assert len(words) == 3
        assert all(line.isprintable() for line in words)
    assert len(visited(write(content))) == 2


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@pytest.mark.parametrize("foreign", [False, True])
@forms
def test_a_file_with_changed_bytes_is_read_or_refused(
    save: Callable[..., Path], write: Callable[..., Path], form: str, foreign: bool
) -> None:
    value = {"g": {"w": torch.ones(2, 2)}, "epoch": 1, **({"args": Namespace()} if foreign else {})}
    content = save(value, form, "n.pt").read_bytes()
    chance = random.Random(1)
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        assert all(line.isprintable() for line in visited(write(bytes(changed))))


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_by_every_loader(write: Callable[..., Path], content: bytes) -> None:
    assert len(visited(write(content))) == 3


@pytest.mark.parametrize("content", [b"", b"# these are notes\n", b"PK\x05\x06" + bytes(18)])
def test_other_files_are_not_claimed(write: Callable[..., Path], content: bytes) -> None:
    path = write(content)
    assert LOADER.sniff(path) == 0
    with pytest.raises(CheckpointError, match="holds no state dict"):
        LOADER.open(path)


def test_a_folder_is_not_claimed(tmp_path: Path) -> None:
    assert LOADER.sniff(tmp_path) == 0
    assert len(visited(tmp_path)) == 3


def test_a_damaged_file_is_claimed_a_little_so_that_it_says_so(
    save: Callable[..., Path], write: Callable[..., Path]
) -> None:
    path = write(save({"w": torch.ones(2)}).read_bytes()[:-10])
    assert 0 < LOADER.sniff(path) < 0.9
    with pytest.raises(CheckpointError, match=r"damaged torch file .*cut off.*; copy or save it again"):
        LOADER.open(path)


def test_a_file_that_changes_before_its_weights_are_read(save: Callable[..., Path]) -> None:
    path = save({"g": {"w": torch.ones(2)}})
    part = opened(path)["g"]
    assert part.read_tensors is not None
    for other in ({"d": {"w": torch.ones(2)}}, {"g": {"v": torch.ones(2)}}, {"g": 1}, {"g": {"w": "text"}}, [1]):
        path.write_bytes(save(other).read_bytes())
        with pytest.raises(CheckpointError, match="damaged torch file"):
            part.read_tensors()
    path.unlink()
    with pytest.raises(CheckpointError, match="damaged torch file"):
        part.read_tensors()


def test_keys_that_a_terminal_would_obey(save: Callable[..., Path]) -> None:
    path = save({"\x1b[2Jw": torch.ones(2)})
    assert LOADER.sniff(path) == 0.3
    with pytest.raises(CheckpointError, match="cannot be shown") as caught:
        LOADER.open(path)
    assert str(caught.value).isprintable()
    assert list(opened(save({"\x1b[2J": {"w": torch.ones(2)}, "g": {"w": torch.ones(2)}}))) == ["g"]


def test_more_state_dicts_than_anybody_saves(save: Callable[..., Path]) -> None:
    one = {"w": torch.ones(2)}
    assert len(opened(save({str(i): one for i in range(1000)}))) == 1000
    with pytest.raises(CheckpointError, match="more than 1000 state dicts"):
        LOADER.open(save({str(i): one for i in range(1001)}))


def test_containers_that_share_their_content_are_walked_through_for_a_while_only(save: Callable[..., Path]) -> None:
    inner: dict[str, object] = {str(i): {} for i in range(2000)}
    with pytest.raises(CheckpointError, match="more containers"):
        LOADER.open(save(dict.fromkeys(map(str, range(2000)), inner)))


def test_a_dict_that_holds_itself(save: Callable[..., Path]) -> None:
    content: dict[str, object] = {"g": {"w": torch.ones(2)}}
    content["again"] = content
    assert "g" in opened(save(content))
