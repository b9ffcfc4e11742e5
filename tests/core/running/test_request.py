"""What was asked for: which analyzers and device, which configuration goes first, where the report lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from wganalyze.errors import UsageError
from wganalyze.host.loading import load_host
from wganalyze.running.choosing import choose_analyzers, choose_device
from wganalyze.running.opened import configuration
from wganalyze.running.request import Request
from wganalyze.settings.facts import Said


def test_analyzers_are_chosen_by_name() -> None:
    host = load_host()

    def chosen(**more: Any) -> list[str]:
        found, lost = choose_analyzers(Request(Path(), **more), host)
        assert lost == []
        return [analyzer.name for analyzer in found]

    assert chosen() == sorted(host.analyzers)
    assert chosen(only=["snapshot", "snapshot"]) == ["snapshot"]
    assert chosen(skip=["snapshot"]) == sorted(host.analyzers.keys() - {"snapshot"})
    for names in ({"only": ["x"]}, {"skip": ["x"]}, {"options": ["x.y=1"]}):
        with pytest.raises(UsageError, match=r"no analyzer is called 'x'; there are: .*snapshot"):
            chosen(**names)
    with pytest.raises(UsageError, match="--only and --skip leave no analyzer"):
        chosen(only=["snapshot"], skip=["snapshot"])


@pytest.mark.parametrize("text", ["gpu", "cuda:", "cuda:x", "cpu:0", "", "CPU"])
def test_a_device_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"choose auto, cpu, cuda or cuda:N"):
        choose_device(text)


def test_devices() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") == ("cuda:0" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UsageError, match=r"torch sees \d+ GPUs; use --device cpu"):
        choose_device("cuda:99")


@pytest.mark.parametrize(
    ("path", "report"),
    [("ckpt", "ckpt-report"), ("ckpt/", "ckpt-report"), ("a/b.pt", "a/b.pt-report"), ("../x", "../x-report")],
)
def test_the_report_lies_beside_the_path(path: str, report: str) -> None:
    assert Request(Path(path)).report_path == Path(report)
    assert Request(Path(path), out=Path("out")).report_path == Path("out")


@pytest.mark.parametrize("path", [".", "..", "a/.."])
def test_a_path_without_a_name_is_resolved(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    resolved = Path(path).resolve()
    assert Request(Path(path)).report_path == resolved.with_name(f"{resolved.name}-report")


def test_the_command_line_goes_before_files(tmp_path: Path) -> None:
    (tmp_path / "wganalyze.toml").write_text("[run]\nn = 1\nreplicates = 1\nseed = 1\n[generator]\nfactory = 'a:b'\n")
    facts = tmp_path / "facts.toml"
    facts.write_text("[run]\nn = 2\nreplicates = 2\n[critic]\nfactory = 'c:d'\n")
    config = configuration(Request(tmp_path, config=Said(n=3), config_file=facts))
    assert (config.n, config.replicates, config.seed) == (3, 2, 1)
    assert config.generator is not None
    assert config.critic is not None
    assert (config.generator.trusted, config.critic.trusted) == (False, True)
    trusted = configuration(Request(tmp_path, trust=True)).generator
    assert trusted is not None
    assert trusted.trusted
