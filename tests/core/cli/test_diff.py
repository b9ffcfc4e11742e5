"""``wganalyze diff``: as a table, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

Command = Callable[..., Any]


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Steps 2 and 4 of a critic: one weight trained by a half, one NaN, one bias that was zero, one key renamed."""
    torch.manual_seed(0)
    first = {"step": 2, "critic": nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)).state_dict()}
    first["critic"]["1.bias"] = torch.zeros(1)
    second = {"step": 4, "critic": {key: tensor.clone() for key, tensor in first["critic"].items()}}
    second["critic"]["0.weight"] *= 1.5
    second["critic"]["0.bias"][0] = torch.nan
    second["critic"]["1.bias"] += 1
    second["critic"]["last.weight"] = second["critic"].pop("1.weight")
    paths = tmp_path / "a.pt", tmp_path / "b.pt"
    for path, content in zip(paths, (first, second), strict=True):
        torch.save(content, path)
    return paths


def test_the_table(command: Command, two: tuple[Path, Path]) -> None:
    answer = command("diff", *two)
    assert (answer.code, answer.err) == (0, "")
    lines = {line.split()[0]: line.rstrip() for line in answer.out.splitlines() if line.split()}
    assert lines["0.weight"].split()[1:4] == ["4x3", "0.500", "0.500"]
    assert lines["0.weight"].endswith("all changed")
    assert lines["0.bias"].endswith("1 of 4 changed, NaN or infinite: 0 -> 1")
    assert lines["1.bias"].endswith("all changed, A is all zero")
    assert "removed" in lines["1.weight"]
    assert "added" in lines["last.weight"]
    assert "step: 2 -> 4" in answer.out
    assert answer.out.splitlines()[-1] == "5 tensors: 3 changed, 1 removed, 1 added"


def test_what_is_equal_is_counted_and_listed_on_request(command: Command, two: tuple[Path, Path]) -> None:
    answer = command("diff", two[0], two[0])
    assert answer.out == "4 tensors: 4 equal\n"
    assert command("diff", two[0], two[0], "--all").out.count(" equal ") >= 4


def test_the_json_and_the_csv_say_the_same(command: Command, two: tuple[Path, Path]) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    document = json.loads(command("diff", *two, "--format", "json").out, parse_constant=refuse)
    assert document["equal"] is False
    rows = list(csv.DictReader(io.StringIO(command("diff", *two, "--format", "csv").out)))
    as_text = [{k: "" if v is None else str(v) for k, v in row.items()} for row in document["tensors"]]
    assert rows == as_text
    by_key = {row["key"]: row for row in document["tensors"]}
    assert by_key["0.weight"]["relative"] == pytest.approx(0.5)
    assert by_key["1.bias"]["relative"] is None
    assert by_key["0.bias"]["nonfinite_b"] == 1
    assert by_key["last.weight"]["shape_a"] is None


def test_exit_codes(command: Command, two: tuple[Path, Path], tmp_path: Path) -> None:
    assert command("diff", *two).code == 0
    assert command("diff", *two, "--exit-code").code == 1
    assert command("diff", two[0], two[0], "--exit-code").code == 0
    missing = command("diff", two[0], tmp_path / "nowhere")
    assert (missing.code, missing.error) == (2, f"{tmp_path / 'nowhere'}: no such file or folder")
    unknown = command("diff", *two, "--loader", "nothing")
    assert unknown.code == 2
    assert "--loader nothing: no such loader" in unknown.error


def test_headers_alone(command: Command, two: tuple[Path, Path]) -> None:
    answer = command("diff", *two, "--headers", "--exit-code")
    assert answer.code == 1
    assert "only headers were read" in answer.out
    assert answer.out.splitlines()[-1] == "5 tensors: 1 removed, 1 added, 3 unread"
