"""The data that the user names are no snapshot, however they are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from wganalyze.running.execute import execute
from wganalyze.running.opened import Opened, open_request
from wganalyze.running.progress import Silent
from wganalyze.running.request import Request
from wganalyze.settings.facts import Said

RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A critic, generated samples and the data, beside the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ckpt"
    path.mkdir()
    torch.save(nn.Linear(2, 1).state_dict(), path / "critic.pt")
    np.save(path / "fakes.npy", RNG.normal(size=(300, 2)).astype("f4"))
    np.save(path / "train.npy", RNG.normal(size=(300, 2)).astype("f4"))
    return path


def opened(path: Path, **said: Any) -> Opened:
    """What a request opens."""
    return open_request(Request(path, Said(critic="torch.nn:Linear(2, 1)", **said)))  # type: ignore[typeddict-item]


def labels(found: Opened) -> set[str]:
    """Of its snapshots."""
    return {snapshot.label for snapshot in found.snapshots}


def test_without_a_name_it_looks_like_samples(folder: Path) -> None:
    assert labels(opened(folder)) == {"ckpt", "fakes", "train"}


@pytest.mark.parametrize("name", ["{}/train.npy", "ckpt/train.npy", "ckpt/../ckpt/./train.npy", "link.npy"])
@pytest.mark.parametrize("option", ["data", "training_data"])
def test_the_file_that_is_named_is_left_out(folder: Path, name: str, option: str) -> None:
    (folder.parent / "link.npy").symlink_to(folder / "train.npy")
    found = opened(folder, **{option: f"npy:{name.format(folder)}"})
    assert labels(found) == {"ckpt", "fakes"}
    flag = "--data" if option == "data" else "--training-data"
    assert found.assembled.notes[folder / "train.npy"] == (f"left out: it is the data that {flag} names",)


def test_a_link_in_the_folder_to_the_data(folder: Path) -> None:
    real = (folder / "train.npy").rename(folder.parent / "real.npy")
    (folder / "train.npy").symlink_to(real)
    assert labels(opened(folder, data=f"npy:{real}")) == {"ckpt", "fakes"}
    (folder / "train.npy").unlink()
    (folder / "copy.npy").write_bytes(real.read_bytes())
    found = opened(folder, data=f"npy:{real}")
    assert labels(found) == {"ckpt", "fakes"}
    (line,) = found.assembled.notes[folder / "copy.npy"]
    assert line == "left out: it is a copy of the data that --data names, real.npy"


def test_a_key_of_an_archive(folder: Path) -> None:
    np.savez(folder / "all.npz", samples=RNG.normal(size=(300, 2)), more=RNG.normal(size=(3, 2)))
    assert "all" in labels(opened(folder))
    assert "all" not in labels(opened(folder, data="npz:ckpt/all.npz#samples"))


@pytest.mark.parametrize("text", ["folder:ckpt/real", "folder:ckpt/real#4", "folder:ckpt"])
def test_a_folder_of_images(folder: Path, text: str) -> None:
    for name in ("real/cats", "generated"):
        (folder / name).mkdir(parents=True)
        for i in range(9):
            pixels = RNG.integers(0, 255, (4, 4, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    assert {"real/cats", "generated"} <= labels(opened(folder))
    left = labels(opened(folder, data=text))
    assert "real/cats" not in left
    assert ("generated" in left) is (text != "folder:ckpt")


def test_a_name_that_is_no_source_names_no_file(folder: Path) -> None:
    """MODULE:NAME is the user's code, and a folder may be called as it is."""
    assert "train" in labels(opened(folder, data="somewhere:ckpt/train.npy"))


class Told(Silent):
    """What a run says on the way."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


def test_a_run_says_it_and_measures_the_rest(folder: Path) -> None:
    said = Said(data="npy:ckpt/train.npy", critic="torch.nn:Linear(2, 1)", n=20, replicates=2, only=("snapshot",))  # type: ignore[typeddict-item]
    told = Told()
    report = execute(Request(folder, said | {"out": folder.parent / "report"}), told)  # type: ignore[arg-type]
    assert {*report.measurements["snapshot"]} == {"ckpt", "fakes"}
    assert "train.npy: left out: it is the data that --data names" in told.lines
