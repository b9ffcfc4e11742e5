"""``wganalyze.run`` and the public face: as the command, and nothing imported before it is used."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import wganalyze
from wganalyze import api
from wganalyze.cli.options import make_request
from wganalyze.cli.run import run as command
from wganalyze.errors import UsageError
from wganalyze.networks.factories import Net
from wganalyze.report.reading import Report
from wganalyze.running.request import Request
from wganalyze.settings.facts import Said, facts
from wganalyze.settings.toml import read_config

WritePlugin = Callable[..., Path]


@pytest.fixture
def request_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Request]:
    """The request that a call of ``run`` makes, without carrying it out."""
    made: list[Request] = []

    def remember(request: Request, progress: object) -> Report:
        made.append(request)
        return Report(Path())

    def call(*arguments: Any, **more: Any) -> Request:
        monkeypatch.setattr(api, "execute", remember)
        api.run(*arguments, **more)
        return made.pop()

    return call


def test_every_fact_is_an_argument_and_is_documented() -> None:
    parameters = inspect.signature(wganalyze.run).parameters
    assert [*parameters] == ["path", "progress", *facts()]
    assert all(parameter.default is None for name, parameter in parameters.items() if name != "path")
    assert parameters["latent"].annotation == "Sequence[int] | None"
    for name, fact in facts().items():
        assert f"``{name}``: {fact.help}" in (wganalyze.run.__doc__ or "")


def test_another_argument_is_none() -> None:
    with pytest.raises(TypeError, match=r"run\(\) got an unexpected keyword argument 'onyl'"):
        api.run("ckpt", onyl=["snapshot"])  # type: ignore[call-arg]


def test_what_is_unsaid_stays_unsaid(request_of: Callable[..., Request]) -> None:
    assert request_of("ckpt") == Request(Path("ckpt"), Said(), ["wganalyze.run", "ckpt"])


def test_the_call_is_recorded_as_it_was_made(request_of: Callable[..., Request]) -> None:
    request = request_of(Path("ckpt"), data="digits", n=50, range=(-1, 1), seed=None)
    assert request.command == ["wganalyze.run", "ckpt", "data='digits'", "n=50", "range=(-1, 1)"]
    assert request.said == Said(data="digits", n=50, range=(-1, 1))


# Command line, Python and toml say the same


@dataclass(frozen=True)
class Way:
    """A fact, said in each of the three ways; ``toml`` None: it stands in none."""

    line: Sequence[str]
    python: Any
    toml: str | None
    value: Any


WAYS: dict[str, Way] = {
    "generator": Way(["--generator", "t:G(4)"], "t:G(4)", '[generator]\nfactory = "t:G(4)"', Net("t:G(4)")),
    "critic": Way(["--critic", "t:D"], "t:D", '[critic]\nfactory = "t:D"', Net("t:D")),
    "weights": Way(["--weights", "raw"], "raw", '[generator]\nweights = "raw"', "raw"),
    "generator_mode": Way(["--generator-mode", "train"], "train", '[generator]\nmode = "train"', "train"),
    "output": Way(["--output", "logit"], "logit", '[critic]\noutput = "logit"', "logit"),
    "reduce": Way(["--reduce", "min"], "min", '[critic]\nreduce = "min"', "min"),
    "input": Way(["--input", "data"], "data", '[generator]\ninput = "data"', "data"),
    "condition": Way(
        ["--condition", "npz:a.npz#e", "--condition", "mass=npz:a.npz#m"],
        {"": "npz:a.npz#e", "mass": "npz:a.npz#m"},
        '[data.condition]\n"" = "npz:a.npz#e"\nmass = "npz:a.npz#m"',
        {"": "npz:a.npz#e", "mass": "npz:a.npz#m"},
    ),
    "orientation": Way(["--orientation", "-1"], -1, "[critic]\norientation = -1", -1),
    "latent": Way(["--latent", "64,1,1"], [64, 1, 1], "[latent]\nshape = [64, 1, 1]", (64, 1, 1)),
    "latent_law": Way(["--latent-law", "uniform"], "uniform", '[latent]\nlaw = "uniform"', "uniform"),
    "classes": Way(["--classes", "10"], 10, "[latent]\nclasses = 10", 10),
    "label_encoding": Way(["--label-encoding", "onehot"], "onehot", '[latent]\nencoding = "onehot"', "onehot"),
    "gradient_penalty": Way(["--gradient-penalty", "10"], 10, "[training]\ngradient_penalty = 10", 10.0),
    "data": Way(["--data", "npz:a.npz#x"], "npz:a.npz#x", '[data]\nsource = "npz:a.npz#x"', "npz:a.npz#x"),
    "range": Way(["--range", "-1,1"], (-1, 1), "[data]\nrange = [-1, 1]", (-1.0, 1.0)),
    "normalize": Way(
        ["--normalize", "0.5,0.4,0.25,0.2"],
        ([0.5, 0.4], [0.25, 0.2]),
        "[data]\nnormalize = { mean = [0.5, 0.4], std = [0.25, 0.2] }",
        ((0.5, 0.4), (0.25, 0.2)),
    ),
    "training_data": Way(
        ["--training-data", "digits:train"], "digits:train", '[data]\ntraining = "digits:train"', "digits:train"
    ),
    "held_out": Way(["--not-held-out"], False, "[data]\nheld_out = false", False),
    "n": Way(["--n", "max"], "max", '[run]\nn = "max"', "max"),
    "budget": Way(["--budget", "2m"], 120, "[run]\nbudget = 120", 120.0),
    "memory": Way(["--memory", "500MiB"], 500 * 2**20, '[run]\nmemory = "500M"', 500 * 2**20),
    "replicates": Way(["--replicates", "7"], 7, "[run]\nreplicates = 7", 7),
    "seed": Way(["--seed", "0"], 0, "[run]\nseed = 0", 0),
    "only": Way(["--only", "a,b", "--only", "c"], ["a", "b", "c"], '[run]\nanalyzers = "a,b,c"', ("a", "b", "c")),
    "skip": Way(["--skip", "d"], "d", '[run]\nskip = ["d"]', ("d",)),
    "options": Way(
        ["--option", "a.x=p", "--option", "a.y=q"],
        {"a.x": "p", "a": {"y": "q"}},
        '[run.options]\na.x = "p"\n"a.y" = "q"',
        {"a.x": "p", "a.y": "q"},
    ),
    "roles": Way(
        ["--role", "*.pt=critic", "--role", "b=ignore"],
        {"*.pt": "critic", "b": "ignore"},
        '[files]\n"*.pt" = "critic"\nb = "ignore"',
        {"*.pt": "critic", "b": "ignore"},
    ),
    "out": Way(["--out", "o"], "o", None, Path("o")),
    "space": Way(["--space", "pixels", "--space", "m:f(1, 2)"], ["pixels", "m:f(1, 2)"], None, ("pixels", "m:f(1, 2)")),
    "device": Way(["--device", "cpu"], "cpu", None, "cpu"),
    "jobs": Way(["--jobs", "3"], 3, None, 3),
    "dask": Way(["--dask", "local"], "local", None, "local"),
    "config": Way(["--config", "c.toml"], "c.toml", None, Path("c.toml")),
    "trust": Way(["--trust"], True, None, True),
    "allow": Way(["--allow", "m:C"], "m:C", None, ("m:C",)),
    "infer": Way(["--infer"], True, None, True),
    "loader": Way(["--loader", "l"], "l", None, "l"),
    "no_plugins": Way(["--no-plugin", "p"], ["p"], None, ("p",)),
}


def on_the_line(*arguments: str) -> Said:
    """What a command line says."""
    context = command.make_context("run", ["ckpt", *arguments], help_option_names=["-h", "--help"])
    return make_request(context.params.pop("path"), context.params).said


def without_folder(said: Said) -> dict[str, Any]:
    """A factory that a file names is looked for beside that file."""
    return {name: replace(value, folder=None) if isinstance(value, Net) else value for name, value in said.items()}


@pytest.mark.parametrize("name", facts())
def test_a_fact_is_the_same_wherever_it_is_said(request_of: Callable[..., Request], tmp_path: Path, name: str) -> None:
    way = WAYS[name]
    assert on_the_line(*way.line) == {name: way.value}
    assert request_of("ckpt", **{name: way.python}).said == {name: way.value}
    assert (way.toml is None) == (facts()[name].toml is None)
    if way.toml is not None:
        file = tmp_path / "facts.toml"
        file.write_text(way.toml)
        assert without_folder(read_config(file, trusted=True)) == {name: way.value}


def test_all_at_once_are_the_same_too(request_of: Callable[..., Request]) -> None:
    expected = {name: way.value for name, way in WAYS.items()}
    assert request_of("ckpt", **{name: way.python for name, way in WAYS.items()}).said == expected
    assert on_the_line(*(text for way in WAYS.values() for text in way.line)) == expected


# Options


SOURCE = '''
from dataclasses import dataclass, field

from wganalyze import Analyzer, Measurement, Metric, hookimpl


class Optional(Analyzer):
    """Gives its options."""

    name = "optional"
    metrics = (Metric("total", "Sum of the sizes."),)

    @dataclass(frozen=True)
    class Options:
        sizes: tuple[int, ...] = field(default=(1,), metadata={"help": "Sizes."})
        twice: bool = field(default=False, metadata={"help": "Twice?"})
        limit: int | None = field(default=5, metadata={"help": "A limit."})
        names: tuple[str, ...] = field(default=(), metadata={"help": "Names."})
        widths: list[int] = field(default_factory=list, metadata={"help": "Widths."})

    def measure(self, study):
        options = self.options
        sizes = [*options.sizes, *options.widths, 100 * len(options.names)]
        yield Measurement("total", sum(sizes) * (2 if options.twice else 1) + (options.limit or 0))


@hookimpl
def wganalyze_analyzers():
    return [Optional]
'''


@pytest.mark.parametrize(
    ("options", "total"),
    [
        ({}, 6),
        ({"optional.sizes": (3, 4)}, 12),
        ({"optional.sizes": [3], "optional.twice": True, "optional.limit": None}, 6),
        ({"optional.limit": 1}, 2),
        ({"optional": {"limit": 1, "sizes": [2]}}, 3),
        ({"optional.names": ["p,q", "r"]}, 206),
        ({"optional.names": "p,q,r"}, 306),
        ({"optional.widths": [10, 20]}, 36),
    ],
)
def test_options_are_python_values(
    tmp_path: Path, write_plugin: WritePlugin, options: dict[str, Any], total: float
) -> None:
    write_plugin("optional_plugin", SOURCE)
    (tmp_path / "ckpt").mkdir()
    torch.save(nn.Linear(2, 1).state_dict(), tmp_path / "ckpt" / "D.pt")
    report = wganalyze.run(tmp_path / "ckpt", critic="torch.nn:Linear(2, 1)", only=["optional"], options=options)
    assert report.exit_code == 0
    assert list(report.measurements["value"]) == [total]
    with pytest.raises(UsageError, match=r"--option optional\.limit=many: not a whole number"):
        wganalyze.run(tmp_path / "ckpt", only=["optional"], options={"optional.limit": "many"})


# The face


def test_every_name_is_there_and_documented() -> None:
    assert {*wganalyze.__all__} <= {*dir(wganalyze)}
    for name in wganalyze.__all__:
        thing = getattr(wganalyze, name)
        alias = typing.get_origin(thing) is not None  # whose words stand in its source
        assert alias or name == "hookimpl" or (thing.__doc__ or "").strip(), name


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'wganalyze' has no attribute 'runn'"):
        _ = wganalyze.runn


def test_importing_the_face_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import wganalyze; print(*sorted(set(sys.modules) - before))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert "wganalyze" in loaded
    assert not {name for name in loaded if name.startswith("wganalyze.")}
    assert not loaded & {"torch", "numpy", "pandas", "pyarrow", "pluggy", "click"}
