"""``wganalyze.run`` and the public face: as the command, and nothing imported before it is used."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from torch import nn

import wganalyze
from wganalyze import api
from wganalyze.cli.run import run as command
from wganalyze.errors import UsageError
from wganalyze.networks.factories import Net
from wganalyze.report.reading import Report
from wganalyze.running.request import Request
from wganalyze.settings.facts import Said

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


def test_every_option_of_the_command_is_an_argument() -> None:
    """By the same name, but for dashes, plurals of what may be repeated, and what only a command line has."""
    names = {
        option.name: max(option.opts, key=len).removeprefix("--").replace("-", "_")
        for option in command.params
        if isinstance(option, click.Option)
    }
    renamed = {"role": "roles", "option": "options", "no_plugin": "no_plugins"}
    expected = {renamed.get(text, text) for text in names.values()} - {"debug", "help"}
    assert {*inspect.signature(api.run).parameters} - {"path", "progress"} == expected


def test_what_is_unsaid_stays_unsaid(request_of: Callable[..., Request]) -> None:
    request = request_of("ckpt")
    assert request == Request(Path("ckpt"), options=[], command=["wganalyze.run", "ckpt"])
    assert request.config == Said()


def test_the_call_is_recorded_as_it_was_made(request_of: Callable[..., Request]) -> None:
    request = request_of(Path("ckpt"), data="digits", n=50, range=(-1, 1), seed=None)
    assert request.command == ["wganalyze.run", "ckpt", "data='digits'", "n=50", "range=(-1, 1)"]


def test_what_is_said_arrives(request_of: Callable[..., Request]) -> None:
    request = request_of(
        "ckpt", data="digits", generator="t:G", critic="t:D", only=["a"], skip=["b"], out="o", n=9, replicates=4,
        seed=0, device="cpu", options={"a.x": 1, "a.y": ["p", "q"], "a.z": (1, 2), "a.w": True, "a.v": None},
        range=(0, 1), normalize=([0.5], [0.25]), latent=[64, 1, 1], latent_law="uniform", classes=10,
        label_encoding="onehot", weights="raw", generator_mode="train", output="logit", orientation=-1,
        gradient_penalty=10, held_out=False, roles={"*": "critic"}, config="c.toml", trust=True, allow="m:C",
        infer=True, loader="l", no_plugins=["p"],
    )  # fmt: skip
    assert replace(request, command=()) == Request(
        Path("ckpt"),
        Path("o"),
        Said(
            generator=Net("t:G"),
            critic=Net("t:D"),
            weights="raw",
            generator_mode="train",
            output="logit",
            orientation=-1,
            latent_law="uniform",
            latent=(64, 1, 1),
            classes=10,
            label_encoding="onehot",
            data="digits",
            range=(0, 1),
            normalize=((0.5,), (0.25,)),
            held_out=False,
            gradient_penalty=10,
            n=9,
            replicates=4,
            seed=0,
            roles={"*": "critic"},
        ),
        Path("c.toml"),
        ["a"],
        ["b"],
        ["a.x=1", "a.y=p,q", "a.z=1,2", "a.w=True", "a.v=None"],
        "cpu",
        True,
        ["m:C"],
        True,
        "l",
        ["p"],
    )


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

    def measure(self, study):
        options = self.options
        yield Measurement("total", sum(options.sizes) * (2 if options.twice else 1) + (options.limit or 0))


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
        assert name == "hookimpl" or (thing.__doc__ or "").strip(), name


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
