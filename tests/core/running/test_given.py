"""Samples in memory, or of the user's own code, as a source."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from hypothesis import given as drawn
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

import wganalyze
from wganalyze.contracts.data import FiniteSource
from wganalyze.errors import DataError, TrustError, UsageError
from wganalyze.host.loading import load_host
from wganalyze.host.registry import Host
from wganalyze.networks.factories import Named
from wganalyze.running import given
from wganalyze.running.given import GivenData, find_source, in_words, name_of, source_of

X = torch.arange(40.0).reshape(20, 2)
Y = torch.arange(20) % 3


class Items(Dataset[Any]):
    """Rows of X by what is made of them."""

    def __init__(self, item: Callable[[int], Any]):
        self.item = item

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, index: int) -> Any:
        return self.item(index)


class Stream(IterableDataset[Tensor]):
    """The rows of X, without a length."""

    def __iter__(self) -> Iterator[Tensor]:
        return iter(X)


class Backwards(Sampler[int]):
    """A sampler that nobody knows."""

    def __len__(self) -> int:
        return len(X)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(X) - 1, -1, -1))


def everything(data: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Values and labels of a source."""
    source = source_of(data, "it")
    assert isinstance(source, FiniteSource)
    return source.everything.values, source.everything.labels


@pytest.mark.parametrize(
    "data",
    [
        X,
        X.numpy(),
        X.clone().requires_grad_(True),
        X.reshape(20, 1, 2).bfloat16(),
        pd.DataFrame({"a": X[:, 0], "name": "text", "b": X[:, 1]}),
        TensorDataset(X),
        Items(lambda i: X[i]),
        Items(lambda i: X[i].numpy()),
        Items(lambda i: (X[i], "a name")),
        Items(lambda i: {"x": X[i]}),
        Stream(),
        DataLoader(TensorDataset(X), batch_size=3, shuffle=True, drop_last=True),
        DataLoader(Stream(), batch_size=7),
    ],
)
def test_what_is_given_is_what_there_is(data: Any) -> None:
    values, labels = everything(data)
    np.testing.assert_array_equal(values, X.numpy())
    assert labels is None
    assert source_of(data, "it").digest == source_of(data, "another").digest


@pytest.mark.parametrize(
    "data",
    [
        TensorDataset(X, Y),
        Items(lambda i: (X[i], int(Y[i]))),
        Items(lambda i: (X[i], Y[i], "more")),
        Items(lambda i: {"label": int(Y[i]), "image": X[i]}),
        DataLoader(TensorDataset(X, Y), batch_size=6, shuffle=True),
        DataLoader(Items(lambda i: {"label": int(Y[i]), "image": X[i]}), batch_size=6),
    ],
)
def test_labels(data: Any) -> None:
    values, labels = everything(data)
    np.testing.assert_array_equal(values, X.numpy())
    np.testing.assert_array_equal(labels, Y.numpy())
    assert source_of(data, "it").classes == 3


@drawn(st.sampled_from([np.float32, np.float64, np.int64, np.uint8]), st.integers(1, 5), st.integers(1, 4))
def test_the_digest_is_of_the_content(dtype: type, n: int, d: int) -> None:
    array = np.arange(n * d).reshape(n, d).astype(dtype)
    assert source_of(array, "a").digest == source_of(array.copy(), "b").digest
    changed = array.copy()
    changed[-1, -1] += 1
    assert source_of(array, "a").digest != source_of(changed, "a").digest


def test_bytes_are_images() -> None:
    grey, colour = np.zeros((5, 7, 6), np.uint8), np.zeros((5, 7, 6, 3), np.uint8)
    colour[..., 1] = 7
    source = source_of(colour, "it")
    assert (source.shape, source.value_range) == ((3, 7, 6), (0.0, 255.0))
    assert np.asarray(everything(colour)[0]).reshape(5, 3, 7, 6)[:, 1].min() == 7
    assert source_of(grey, "it").shape == (1, 7, 6)
    pillow = Items(lambda i: (Image.fromarray(colour[0]), i % 2))
    assert source_of(pillow, "it").shape == (3, 7, 6)
    np.testing.assert_array_equal(everything(pillow)[0][0], everything(colour)[0][0])
    floats = source_of(colour / 255, "it")  # as the critic sees them
    assert (floats.shape, floats.value_range) == ((7, 6, 3), None)


def test_later_changes_do_not_reach_it() -> None:
    array = X.numpy().copy()
    source = source_of(array, "it")
    before = source.digest
    array[:] = 0
    assert source.digest == before
    assert everything(X)[0].any()


# Loaders


def test_a_loader_of_some_rows_gives_those() -> None:
    rows = [3, 1, 17]
    for loader in (
        DataLoader(TensorDataset(X), sampler=SubsetRandomSampler(rows)),
        DataLoader(Subset(TensorDataset(X), sorted(rows)), batch_size=2, shuffle=True),
    ):
        np.testing.assert_array_equal(everything(loader)[0], X[sorted(rows)].numpy())


def test_other_samplers_are_obeyed_and_left_as_they_were() -> None:
    np.testing.assert_array_equal(everything(DataLoader(TensorDataset(X), sampler=Backwards()))[0], X.flip(0).numpy())
    own = torch.Generator().manual_seed(5)
    sampler = WeightedRandomSampler([1.0, *[0.0] * 19], 8, generator=own)
    before = own.get_state()
    values, _ = everything(DataLoader(TensorDataset(X), sampler=sampler, batch_size=3))
    np.testing.assert_array_equal(values, X[:1].expand(8, 2).numpy())
    assert torch.equal(own.get_state(), before)
    some = RandomSampler(TensorDataset(X), num_samples=4, generator=own)
    assert len(everything(DataLoader(TensorDataset(X), sampler=some))[0]) == 4
    assert torch.equal(own.get_state(), before)


def test_the_loader_goes_on_where_it_was() -> None:
    def batches(interrupted: bool) -> list[Tensor]:
        torch.manual_seed(0)
        loader = DataLoader(Items(lambda i: X[i] + random.random()), batch_size=4, shuffle=True)
        random.seed(0)
        seen = []
        for batch in loader:
            seen.append(batch)
            if interrupted:
                source_of(loader, "it")
        return seen

    assert all(torch.equal(a, b) for a, b in zip(batches(False), batches(True), strict=True))


def test_items_that_draw_are_drawn_alike() -> None:
    noisy = Items(lambda i: X[i] + torch.randn(2))
    assert source_of(noisy, "it").digest == source_of(noisy, "it").digest


def test_of_very_many_items_some_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "MOST", 5)
    np.testing.assert_array_equal(everything(TensorDataset(X))[0][:, 0], [0, 10, 20, 28, 38])
    assert len(everything(Stream())[0]) == 5
    assert len(everything(DataLoader(Stream(), batch_size=3))[0]) == 6


# What is no data


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (object(), "a object is no data; give an array"),
        (torch.zeros(5), r"not float32; reshape it to \(n, 1\)"),
        (np.array([["a"]]), "samples are numbers of shape"),
        (torch.tensor([[1.0], [np.nan]]), "NaN or infinity among the values"),
        (pd.DataFrame({"a": ["b"]}), "no column holds numbers"),
        (pd.DataFrame({"a": [1.0, None]}), "values are missing in a; fill them"),
        (Items(lambda i: torch.zeros(1 + i % 2)), "its samples have different shapes"),
        (Items(lambda i: 1 // 0), "cannot be read .ZeroDivisionError"),
        (Items(lambda i: {"label": 1}), "its items hold no samples"),
        (TensorDataset(X[:0]), "it holds no samples"),
    ],
)
def test_what_is_no_data_says_so(data: Any, problem: str) -> None:
    with pytest.raises(DataError, match=f"--data it: .*{problem}"):
        source_of(data, "it")


@pytest.mark.parametrize("data", [3, [[1.0, 2.0]], {"a": 1}, True])
def test_plain_values_are_no_source(data: Any) -> None:
    with pytest.raises(UsageError, match=r"data=.*: name a source as a text"):
        wganalyze.run("ckpt", data=data)


# By name


CODE = """\
import numpy as np
import torch
from torch.utils.data import Dataset, TensorDataset

array = np.arange(12.0).reshape(6, 2)
loaded = TensorDataset(torch.arange(12.0).reshape(6, 2))


def dataset(split="train", rows=6):
    assert split in ("train", "test")
    return array[:rows] + (split == "test")


class Own(Dataset):
    def __init__(self, rows=6):
        self.rows = rows

    def __len__(self):
        return self.rows

    def __getitem__(self, i):
        return array[i]


def broken():
    raise RuntimeError("no disk")
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A file of the user's."""
    file = tmp_path / "own_data.py"
    file.write_text(CODE)
    return file


@pytest.fixture(scope="module")
def host() -> Host:
    """All plugins."""
    return load_host()


@pytest.mark.parametrize(
    ("text", "first", "rows"),
    [
        ("array", 0, 6),
        ("loaded", 0, 6),
        ("dataset", 0, 6),
        ('dataset(split="test")', 1, 6),
        ("dataset('test', rows=4)", 1, 4),
        ("Own", 0, 6),
        ("Own(3)", 0, 3),
        ("Own()", 0, 6),
    ],
)
def test_a_name_in_the_users_code(code: Path, host: Host, text: str, first: float, rows: int) -> None:
    source = find_source(f"{code}:{text}", host)
    assert source.size == rows
    assert source.draw(rows, wganalyze.Split("x"), offset=0, seed=0).values.min() == first
    assert name_of(source, f"{code}:{text}") == f"{code}:{text}"


def test_a_module_in_the_folder(code: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(code.parent)
    assert find_source("own_data:array", host).size == 6


def test_a_name_that_says_nothing(code: Path, host: Host) -> None:
    with pytest.raises(DataError, match=r"--data digit:train: no data source is called 'digit', and no module; there"):
        find_source("digit:train", host)
    with pytest.raises(DataError, match="--data digit: no data source is called 'digit'"):
        find_source("digit", host)
    with pytest.raises(UsageError, match=r"--training-data .*own_data.py:non: .* has no 'non'"):
        find_source(f"{code}:non", host, "--training-data")
    with pytest.raises(UsageError, match=r"--data .*:broken: calling it failed .RuntimeError: no disk"):
        find_source(f"{code}:broken", host)


def test_a_file_beside_the_checkpoints_names_no_code(code: Path, host: Host) -> None:
    with pytest.raises(TrustError, match=r"names the factory own_data.py:array; it is imported only with --trust"):
        find_source(Named("own_data.py:array", False, code.parent), host)
    assert find_source(Named("own_data.py:array", True, code.parent), host).size == 6
    assert find_source(Named("digits", False, code.parent), host).size


def test_words() -> None:
    assert in_words("digits") == "'digits'"
    assert in_words(X) == "<Tensor (20, 2)>"
    assert in_words(TensorDataset(X)) == "<TensorDataset>"
    assert name_of(GivenData(X.numpy(), None, "ndarray"), X) == "ndarray"


# In a run


def test_a_run_takes_what_a_call_gives(trainer: Any) -> None:
    digits = wganalyze.data_source("digits")
    values = digits.draw(1000, wganalyze.Split("x"), offset=0, seed=0).values
    report = trainer.run(data=(values / values.max()).astype(np.float32), range=(-1, 1))
    assert report.exit_code == 0
    assert report.run["data"]["source"] == "ndarray"
    assert "data=<ndarray (1000, 64)>" in report.run["command"]
    again = trainer.run(data=torch.from_numpy((values / values.max()).astype(np.float32)), range=(-1, 1))
    assert again.run["cells"]["reused"] == 3


def test_a_run_takes_a_name_from_the_toml_with_trust(trainer: Any) -> None:
    (trainer.folder / "own_data.py").write_text("import numpy as np\nrows = np.random.default_rng(0).random((900, 64))")
    (trainer.folder / "wganalyze.toml").write_text('[data]\nsource = "own_data.py:rows"\nrange = [-1, 1]\n')
    with pytest.raises(TrustError, match="--trust"):
        trainer.run(data=None)
    assert trainer.run(data=None, trust=True).exit_code == 0
