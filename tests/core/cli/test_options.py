"""From the options of a verb to a request: every option arrives, and what is unsaid stays unsaid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from wganalyze.cli.init import init
from wganalyze.cli.inspect import inspect
from wganalyze.cli.options import make_request
from wganalyze.cli.run import run
from wganalyze.errors import UsageError
from wganalyze.networks.factories import Net
from wganalyze.running.request import Request
from wganalyze.settings.facts import Said, facts, flag_of
from wganalyze.settings.values import Text


def request_of(verb: click.Command, *arguments: str) -> Request:
    """What a verb would carry out."""
    # A command keeps the help option of its first context, so that this one has the names of the group's.
    context = verb.make_context(verb.name, [*arguments], help_option_names=["-h", "--help"])
    texts: dict[str, Any] = {name: value for name, value in context.params.items() if name != "prepare"}
    return make_request(texts.pop("path"), texts)


@pytest.mark.parametrize("verb", [run, inspect, init])
def test_what_is_unsaid_stays_unsaid(verb: click.Command) -> None:
    assert request_of(verb, "ckpt") == Request(Path("ckpt"), Said())


@pytest.mark.parametrize(
    ("verb", "own"), [(run, {"debug", "prepare"}), (inspect, {"debug", "as_json"}), (init, {"debug", "force"})]
)
def test_a_verb_has_an_option_for_every_fact_that_it_takes(verb: click.Command, own: set[str]) -> None:
    options = {option.name: option for option in verb.params if isinstance(option, click.Option)}
    taken = {name for name, fact in facts().items() if verb is run or fact.opening}
    assert options.keys() == own | taken
    for name in taken:
        assert "/".join([*options[name].opts, *options[name].secondary_opts]) == flag_of(name)
        assert options[name].help == facts()[name].help


SAID: dict[str, tuple[list[str], Any]] = {
    "generator": (["--generator", "train:G(64)"], Net("train:G(64)")),
    "critic": (["--critic", "d.py:D"], Net("d.py:D")),
    "weights": (["--weights", "raw"], "raw"),
    "generator_mode": (["--generator-mode", "train"], "train"),
    "output": (["--output", "logit"], "logit"),
    "reduce": (["--reduce", "min"], "min"),
    "input": (["--input", "npz:a.npz#low"], "npz:a.npz#low"),
    "condition": (
        ["--condition", "npz:a.npz#e", "--condition", "mass=npz:a.npz#m"],
        {"": "npz:a.npz#e", "mass": "npz:a.npz#m"},
    ),
    "orientation": (["--orientation", "-1"], -1),
    "latent_law": (["--latent-law", "uniform"], "uniform"),
    "latent": (["--latent", "64,1,1"], (64, 1, 1)),
    "classes": (["--classes", "10"], 10),
    "label_encoding": (["--label-encoding", "onehot"], "onehot"),
    "gradient_penalty": (["--gradient-penalty", "10"], 10.0),
    "roles": (["--role", "*.pt=critic", "--role", "a=generator"], {"*.pt": "critic", "a": "generator"}),
    "data": (["--data", "npz:a.npz#x"], "npz:a.npz#x"),
    "range": (["--range", "-1,1"], (-1.0, 1.0)),
    "normalize": (["--normalize", "0.5,0.25"], ((0.5,), (0.25,))),
    "held_out": (["--held-out"], True),
    "training_data": (["--training-data", "npz:a.npz#y"], "npz:a.npz#y"),
    "n": (["--n", "300"], 300),
    "budget": (["--budget", "2m"], 120.0),
    "replicates": (["--replicates", "7"], 7),
    "seed": (["--seed", "0"], 0),
    "only": (["--only", "a, b", "--only", "c"], ("a", "b", "c")),
    "skip": (["--skip", "d,,e,"], ("d", "e")),
    "out": (["--out", "report"], Path("report")),
    "space": (["--space", "pixels", "--space", "m:f(1, 2)"], ("pixels", "m:f(1, 2)")),
    "device": (["--device", "cpu"], "cpu"),
    "jobs": (["--jobs", "3"], 3),
    "memory": (["--memory", "1.5G"], 1536 * 2**20),
    "dask": (["--dask", "tcp://host:8786"], "tcp://host:8786"),
    "options": (["--option", "a.b=1", "--option", "a.c=x=y"], {"a.b": Text("1"), "a.c": Text("x=y")}),
    "config": (["--config", "facts.toml"], Path("facts.toml")),
    "trust": (["--trust"], True),
    "allow": (["--allow", "train:Critic", "--allow", "train:Block"], ("train:Critic", "train:Block")),
    "infer": (["--infer"], True),
    "loader": (["--loader", "l"], "l"),
    "no_plugins": (["--no-plugin", "p", "--no-plugin", "q,r"], ("p", "q", "r")),
}


@pytest.mark.parametrize("name", facts())
def test_every_fact_can_be_said(name: str) -> None:
    arguments, value = SAID[name]
    assert request_of(run, "ckpt", *arguments).said == {name: value}


def test_all_of_them_at_once() -> None:
    arguments = [text for texts, _ in SAID.values() for text in texts]
    assert request_of(run, "ckpt", *arguments).said == {name: value for name, (_, value) in SAID.items()}


def test_the_other_side_of_held_out() -> None:
    assert request_of(run, "ckpt", "--not-held-out").said == Said(held_out=False)


def test_all_that_there_is() -> None:
    assert request_of(run, "ckpt", "--n", "max").said == Said(n="max")


@pytest.mark.parametrize("text", ["many", "1", "-5", "2.5"])
def test_a_size_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=f"--n {text}: write a whole number from 2 on, or max"):
        request_of(run, "ckpt", "--n", text)
