"""Which analyzers run, and on which device."""

from __future__ import annotations

import re

from wganalyze.cells.measuring import Question
from wganalyze.contracts.analyzer import Analyzer
from wganalyze.errors import UsageError, WganalyzeError
from wganalyze.host.registry import Host
from wganalyze.settings.facts import Said
from wganalyze.settings.options import by_analyzer, make_options

LAST = 1000
"""Behind the headlines of strangers."""


def choose_analyzers(said: Said, host: Host) -> tuple[list[Question], list[str]]:
    """The analyzers asked for, with their options; and why others, whose plugins failed, are left out.

    UsageError names what is unknown; WganalyzeError says why none is left.
    """
    only, skip, options = said.get("only", ()), said.get("skip", ()), by_analyzer(said.get("options", {}))
    lost: dict[str, str] = {}
    for name in [*only, *skip, *options]:
        fault = None if name in host.analyzers else host.fault(name)
        if fault is None:
            host.analyzer(name)
        elif name not in skip:
            lost[name] = fault
    usual = [name for name, analyzer in host.analyzers.items() if not analyzer.on_request]
    names = list(dict.fromkeys(only)) or sorted(usual, key=lambda name: _place(host.analyzers[name]))
    chosen = [name for name in names if name not in skip and name not in lost]
    if not chosen and lost:
        raise WganalyzeError("; ".join(lost.values()))
    if not chosen:
        raise UsageError("--only and --skip leave no analyzer to run")
    there = host.analyzers
    made = {name: make_options(there[name], given) for name, given in options.items() if name in there}
    questions = []
    for name in chosen:
        analyzer, origin = there[name], host.origin("analyzer", name)
        asked = made[name] if name in made else make_options(analyzer, {})
        questions.append(Question(analyzer, asked, origin.distribution, origin.version))
    return questions, [*lost.values()]


def _place(analyzer: type[Analyzer]) -> tuple[int, str]:
    """In the order of their first headlines, as a reader meets them; those without one come last."""
    ranks = [metric.headline.rank for metric in analyzer.metrics if metric.headline is not None]
    return min(ranks, default=LAST), analyzer.name


def choose_device(text: str) -> str:
    """ "auto" is the first GPU that torch sees, else the CPU; UsageError where a GPU is asked for and there is none."""
    import torch

    if text == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    match = re.fullmatch(r"cpu|cuda(?::(\d+))?", text)
    if match is None:
        raise UsageError(f"--device {text}: choose auto, cpu, cuda or cuda:N")
    if text != "cpu" and int(match[1] or 0) >= torch.cuda.device_count():
        raise UsageError(f"--device {text}: torch sees {torch.cuda.device_count()} GPUs; use --device cpu")
    return text
