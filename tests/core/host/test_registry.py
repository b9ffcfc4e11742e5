"""What a host holds, by name; an unknown name is answered with what there is, or why it is not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.cells.measuring import Outcome
from wganalyze.contracts.loader import Loader, Part
from wganalyze.errors import DataError, UsageError, WganalyzeError
from wganalyze.host.loading import load_host
from wganalyze.host.registry import Host, Plugin

WritePlugin = Callable[..., Path]
Module = Callable[..., str]
Seen = Callable[..., Plugin]
OutcomeOf = Callable[[Host, str], Outcome]


def test_an_unknown_name_is_answered_with_what_there_is(write_plugin: WritePlugin, analyzer_module: Module) -> None:
    write_plugin("alpha_plugin", analyzer_module("alpha"))
    host = load_host()
    with pytest.raises(UsageError, match=r"no analyzer is called 'alhpa'; there are: .*alpha"):
        host.analyzer("alhpa")
    with pytest.raises(DataError, match=r"--data nothing:3: no data source is called 'nothing'"):
        host.data_source("nothing:3")


def test_a_data_source_is_made_with_its_argument(write_plugin: WritePlugin) -> None:
    source = """
from __future__ import annotations

import numpy as np
from wganalyze import FiniteSource, Values
from wganalyze.errors import DataError
from wganalyze import hookimpl


class Counted(FiniteSource):
    name = "counted"
    help = "numbers from 0"

    def __init__(self, argument: str = ""):
        if not argument.isdigit():
            raise DataError(f"counted:{argument}: write counted:N")
        self.shape, self.value_range, self.count = (1,), None, int(argument)

    def load(self) -> Values:
        return Values(np.arange(self.count, dtype=np.float32)[:, None])


@hookimpl
def wganalyze_data() -> list[type[FiniteSource]]:
    return [Counted]
"""
    write_plugin("counted_plugin", source)
    host = load_host()
    assert host.data_source("counted:12").size == 12
    assert host.origin("data", "counted").distribution == "counted-plugin"
    with pytest.raises(DataError, match="write counted:N"):
        host.data_source("counted")


class Made(Loader):
    """A loader of one kind."""

    name = "made"

    def sniff(self, path: Path) -> float:
        """Never."""
        return 0.0

    def open(self, path: Path) -> list[Part]:
        """Nothing."""
        return []


class Other(Made):
    """Of another."""

    name = "other"


def test_all_loaders_or_the_one_that_was_named() -> None:
    made, other = Made(), Other()
    host = Host(loaders={"other": other, "made": made})
    assert host.loaders_for(None) == {"other": other, "made": made}
    assert host.loaders_for("made") == {"made": made}


def test_an_unknown_loader_is_answered_with_those_there_are() -> None:
    host = Host(loaders={"other": Other(), "made": Made()})
    with pytest.raises(UsageError, match=r"--loader c: no such loader; there are: made, other"):
        host.loaders_for("c")


def test_a_loader_whose_plugin_is_left_out_is_answered_with_the_reason() -> None:
    host = Host([Plugin("made", "made-plugin", "1", "blocked", "blocked by the user; not imported")])
    with pytest.raises(WganalyzeError, match=r"--loader made: plugin 'made' of made-plugin blocked: .* not imported"):
        host.loaders_for("made")
    host.loaders["made"] = Made()  # from another plugin
    assert [*host.loaders_for("made")] == ["made"]


@pytest.mark.parametrize("error", ["1 / 0", "raise SystemExit('no licence')"])
def test_a_data_source_that_raises_is_named_with_its_plugin(write_plugin: WritePlugin, error: str) -> None:
    source = (
        "from wganalyze import DataSource, hookimpl\n\n\nclass Mine(DataSource):\n    name = help = 'mine'\n"
        f"    digest = ''\n    def __init__(self, argument):\n        {error}\n    def draw(self, n, split): ...\n\n\n"
        "@hookimpl\ndef wganalyze_data():\n    return [Mine]\n"
    )
    write_plugin("mine_plugin", source)
    with pytest.raises(DataError, match=r"--data mine: the plugin mine-plugin of mine-plugin failed \((Zero|System)"):
        load_host().data_source("mine")
