"""From the options of a verb to a Request: every option arrives, and what is unsaid stays unsaid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from wganalyze.cli.init import init
from wganalyze.cli.inspect import inspect
from wganalyze.cli.request import make_request
from wganalyze.cli.run import run
from wganalyze.errors import UsageError
from wganalyze.networks.factories import Net
from wganalyze.running.request import Request
from wganalyze.settings.facts import Said


def request_of(verb: click.Command, *arguments: str) -> Request:
    """What a verb would carry out."""
    said: dict[str, Any] = verb.make_context(verb.name, [*arguments], resilient_parsing=False).params
    return make_request(said.pop("path"), said)


@pytest.mark.parametrize("verb", [run, inspect, init])
def test_what_is_unsaid_stays_unsaid(verb: click.Command) -> None:
    request = request_of(verb, "ckpt")
    assert request.path == Path("ckpt")
    assert request.config == Said()
    assert (request.out, request.config_file, request.loader, request.trust) == (None, None, None, False)
    assert [*request.only, *request.skip, *request.options, *request.no_plugins] == []


OPTIONS: dict[str, tuple[str, str, Any]] = {
    "generator": ("--generator", "train:G(64)", Net("train:G(64)")),
    "critic": ("--critic", "d.py:D", Net("d.py:D")),
    "weights": ("--weights", "raw", "raw"),
    "generator_mode": ("--generator-mode", "train", "train"),
    "output": ("--output", "logit", "logit"),
    "orientation": ("--orientation", "-1", -1),
    "law": ("--latent-law", "uniform", "uniform"),
    "latent_shape": ("--latent", "64,1,1", (64, 1, 1)),
    "classes": ("--classes", "10", 10),
    "encoding": ("--label-encoding", "onehot", "onehot"),
    "penalty": ("--gradient-penalty", "10", 10.0),
    "roles": ("--role", "*.pt=critic", {"*.pt": "critic"}),
    "data": ("--data", "npz:a.npz#x", "npz:a.npz#x"),
    "range": ("--range", "-1,1", (-1.0, 1.0)),
    "normalize": ("--normalize", "0.5,0.25", ((0.5,), (0.25,))),
    "n": ("--n", "300", 300),
    "budget": ("--budget", "2m", 120.0),
    "replicates": ("--replicates", "7", 7),
    "seed": ("--seed", "0", 0),
}


@pytest.mark.parametrize("fact", OPTIONS)
def test_every_fact_of_a_configuration_can_be_said(fact: str) -> None:
    option, text, value = OPTIONS[fact]
    config = request_of(run, "ckpt", option, text).config
    assert getattr(config, fact) == value
    assert config == Said(**{fact: value})


def test_no_fact_is_without_an_option() -> None:
    assert {*OPTIONS, "held_out"} == {*Config.__dataclass_fields__}


@pytest.mark.parametrize(("option", "value"), [("--held-out", True), ("--training-data", False)])
def test_both_sides_of_held_out(option: str, value: bool) -> None:
    assert request_of(run, "ckpt", option).config == Said(held_out=value)


def test_names_with_commas_and_repeated() -> None:
    request = request_of(run, "ckpt", "--only", "a, b", "--only", "c", "--skip", "d,,e,")
    assert (request.only, request.skip) == (("a", "b", "c"), ("d", "e"))


def test_the_rest_of_a_request(tmp_path: Path) -> None:
    facts = tmp_path / "facts.toml"
    facts.touch()
    arguments = ["--out", "report", "--config", str(facts), "--trust", "--loader", "l", "--device", "cpu"]
    arguments += ["--allow", "train:Critic", "--allow", "train:Block", "--infer"]
    arguments += ["--option", "a.b=1", "--option", "a.c=2", "--no-plugin", "p", "--no-plugin", "q"]
    request = request_of(run, "ckpt", *arguments)
    assert (request.out, request.config_file) == (Path("report"), facts)
    assert (request.trust, request.loader, request.device) == (True, "l", "cpu")
    assert (request.allow, request.infer) == (("train:Critic", "train:Block"), True)
    assert (request.options, request.no_plugins) == (("a.b=1", "a.c=2"), ("p", "q"))


def test_all_that_there_is() -> None:
    assert request_of(run, "ckpt", "--n", "max").config == Said(n="max")


@pytest.mark.parametrize("text", ["many", "1", "-5", "2.5"])
def test_a_size_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=f"--n {text}: write a whole number from 2 on, or max"):
        request_of(run, "ckpt", "--n", text)
