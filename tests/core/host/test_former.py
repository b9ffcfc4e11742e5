"""Former forms of plugins: they work as they did, and each says in one line what its author should change."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.cli import call
from wganalyze.files.opening import open_path
from wganalyze.host.former import former_addresses
from wganalyze.host.loading import load_host
from wganalyze.host.registry import Host, Plugin

WritePlugin = Callable[..., Path]
Seen = Callable[..., Plugin]

LOADER = """
from wganalyze import Part, TensorSpec, hookimpl


class Reader:
    "Reads files that begin with MINE."

    name = "mine"

    def __init__(self, mark):
        self.mark = mark

    def sniff(self, path):
        return 0.9 if path.is_file() and path.read_bytes().startswith(self.mark) else 0.0

    def open(self, path):
        return [Part(path, self.name, keys={"w": TensorSpec((2, 3), "float32")})]


@hookimpl
def wganalyze_loaders():
    return [Reader(b"MINE")]
"""

ARCHITECTURE = """
from wganalyze import hookimpl


class Lines:
    "Linear critics."

    name = "lines"
    role = "critic"

    def __init__(self, out):
        self.out = out

    def build(self, **arguments):
        from torch import nn
        return nn.Linear(arguments["wide"], self.out)

    def recognise(self, keys):
        return {"wide": keys["weight"][1]} if {*keys} == {"weight", "bias"} else None

    def assumed(self, arguments):
        return [f"{self.out} score of {arguments['wide']} numbers"]


@hookimpl
def wganalyze_architectures():
    return [Lines(1)]
"""

PROPOSER = ARCHITECTURE.replace('    role = "critic"\n', '    factory = "mine:make"\n').replace(
    "    def assumed",
    "    def propose(self, keys, role, sample_shape, near=None):\n        return [{'wide': self.out}]\n\n"
    "    def is_foil(self, arguments):\n        return arguments['wide'] > 1\n\n    def assumed",
)


def loaded(host: Host, seen: Seen, warning: str) -> Plugin:
    """The plugin, which works, and says this and no more."""
    plugin = seen(host, "mine-plugin")
    assert (plugin.status, plugin.reason) == ("ok", "")
    assert plugin.warning == warning
    return plugin


# Instances, where classes are asked for today


def test_an_instance_of_a_loader_reads_its_files(write_plugin: WritePlugin, seen: Seen, tmp_path: Path) -> None:
    write_plugin("mine_plugin", LOADER)
    host = load_host()
    plugin = loaded(host, seen, "gives the loader 'mine' as an instance: give a subclass of Loader")
    assert plugin.provides == (("loader", "mine"),)
    (tmp_path / "weights").write_bytes(b"MINE")
    (file,) = open_path(tmp_path / "weights", host.loaders)
    assert (file.kind, [*file.parts[0].keys]) == ("mine", ["w"])
    assert not host.loaders["mine"].folders


def test_a_loader_of_folders_stays_one(write_plugin: WritePlugin) -> None:
    write_plugin("mine_plugin", LOADER.replace('name = "mine"', 'name = "mine"\n    folders = True'))
    assert load_host().loaders["mine"].folders is True


def test_an_instance_of_an_architecture_recognises_and_builds(write_plugin: WritePlugin, seen: Seen) -> None:
    write_plugin("mine_plugin", ARCHITECTURE)
    host = load_host()
    loaded(host, seen, "gives the architecture 'lines' as an instance: give a subclass of Architecture")
    lines = host.architectures["lines"]
    arguments = lines.recognise({"weight": (1, 5), "bias": (1,)})
    assert arguments == {"wide": 5}
    assert lines.recognise({"weight": (1, 5)}) is None
    assert tuple(lines.build(**arguments).weight.shape) == (1, 5)
    assert (lines.role, [*lines.assumed(arguments)]) == ("critic", ["1 score of 5 numbers"])


def test_an_architecture_that_said_less_has_the_defaults_of_today(write_plugin: WritePlugin) -> None:
    start, end = ARCHITECTURE.index("    def assumed"), ARCHITECTURE.index("@hookimpl")
    source = ARCHITECTURE[:start] + "\n\n" + ARCHITECTURE[end:]
    write_plugin("mine_plugin", source.replace('    role = "critic"\n', ""))
    lines = load_host().architectures["lines"]
    assert (lines.role, [*lines.assumed({})]) == (None, [])


def test_an_instance_that_proposes_is_a_proposer(write_plugin: WritePlugin, seen: Seen) -> None:
    from wganalyze import Proposer

    write_plugin("mine_plugin", PROPOSER)
    host = load_host()
    loaded(host, seen, "gives the architecture 'lines' as an instance: give a subclass of Proposer")
    lines = host.architectures["lines"]
    assert isinstance(lines, Proposer)
    assert (lines.factory, lines.propose({}, "critic", (5,))) == ("mine:make", [{"wide": 1}])
    assert (lines.is_foil({"wide": 1}), lines.is_foil({"wide": 2})) == (False, True)
    assert tuple(lines.build(wide=5).weight.shape) == (1, 5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("    def open(self", "loader Reader does not define open"), ('    name = "mine"', "has no name")],
)
def test_an_instance_that_lacks_something_is_left_out(
    write_plugin: WritePlugin, seen: Seen, text: str, reason: str
) -> None:
    write_plugin("mine_plugin", LOADER.replace(text, text.replace("open", "opened").replace("name =", "title =")))
    plugin = seen(load_host(), "mine-plugin")
    assert plugin.status == "failed"
    assert reason in plugin.reason


# Former addresses

ADDRESSES = {
    "analyzer": "Analyzer, NoOptions",
    "data": "Labels, Points, Samples, Preprocessing, Split, Values, DataSource, FiniteSource",
    "hooks": "hookimpl",
    "measurement": "Direction, Level, Status, Scalar, Metric, Table, Measurement, Finding, Rows, Yielded",
    "snapshot": "Role, Output, Weights, Encoding, TensorSpec, Input, Part, Loader, Architecture, Latent, Snapshot",
    "study": "Estimate, Study, Need, auc, student_t",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_former_address_gives_the_names_of_today(address: str, write_plugin: WritePlugin, seen: Seen) -> None:
    line = f"from wganalyze.{address} import {ADDRESSES[address]}\n"
    source = line + LOADER.replace('[Reader(b"MINE")]', "[Mine]").replace("import Part", "import Loader, Part")
    write_plugin("mine_plugin", source + "\n\nclass Mine(Reader, Loader):\n    def __init__(self): self.mark = b'M'\n")
    loaded(load_host(), seen, f"imports from wganalyze.{address}, a former address: import from wganalyze")
    assert f"wganalyze.{address}" not in sys.modules or address == "study"


def test_a_former_address_is_answered_inside_a_hook_too(write_plugin: WritePlugin, seen: Seen) -> None:
    source = LOADER.replace("    return [Reader", "    from wganalyze.snapshot import Loader\n    return [Reader")
    write_plugin("mine_plugin", source)
    plugin = seen(load_host(), "mine-plugin")
    assert plugin.status == "ok"
    assert "imports from wganalyze.snapshot, a former address: import from wganalyze" in plugin.warning
    assert "as an instance" in plugin.warning
    assert "\n" not in plugin.warning


def test_a_name_that_nobody_had_is_still_an_error(write_plugin: WritePlugin, seen: Seen) -> None:
    write_plugin("mine_plugin", "from wganalyze.hooks import hookimp\n")
    plugin = seen(load_host(), "mine-plugin")
    assert plugin.status == "failed"
    assert "cannot import name 'hookimp' from 'wganalyze.hooks'" in plugin.reason


def test_former_addresses_are_none_for_anybody_else() -> None:
    importlib.import_module("wganalyze.study")  # one of today that has such a name
    before = {name: module for name, module in sys.modules.items() if name.startswith("wganalyze")}
    with former_addresses() as warnings:
        assert importlib.import_module("wganalyze.hooks").hookimpl
    assert warnings == ["imports from wganalyze.hooks, a former address: import from wganalyze"]
    assert {name: sys.modules.get(name) for name in before} == before
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("wganalyze.hooks")


def test_modules_of_today_can_be_imported_while_a_plugin_is(write_plugin: WritePlugin) -> None:
    """In a process where nothing is loaded yet, a plugin imports what stands in a folder of a former name."""
    site = write_plugin("mine_plugin", "import wganalyze.testing\nfrom wganalyze import run\n" + LOADER).parent
    code = (
        "from wganalyze.host.loading import load_host\n"
        "print(*[p.status + p.reason + p.warning for p in load_host().plugins if p.name == 'mine-plugin'])\n"
        "import wganalyze.study.study\n"
    )
    path = os.pathsep.join([str(site), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "okgives the loader 'mine' as an instance: give a subclass of Loader"


# The command


def test_the_warning_is_shown(write_plugin: WritePlugin, capsys: pytest.CaptureFixture[str]) -> None:
    write_plugin("mine_plugin", LOADER)
    warning = "gives the loader 'mine' as an instance: give a subclass of Loader"
    assert call(["plugins", "mine-plugin", "--json"]) == 0
    (plugin,) = json.loads(capsys.readouterr().out)
    assert plugin["warning"] == warning
    assert call(["plugins", "mine-plugin"]) == 0
    assert warning in capsys.readouterr().out
    assert call(["plugins"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "instance" in shown
