"""Which analyzers run, and on which device."""

from __future__ import annotations

import re

from wganalyze.contracts.analyzer import Analyzer
from wganalyze.errors import UsageError, WganalyzeError
from wganalyze.host.registry import Host
from wganalyze.running.request import Request
from wganalyze.settings.options import make_options, split_options


def choose_analyzers(request: Request, host: Host) -> tuple[list[Analyzer], list[str]]:
    """Instances of the analyzers asked for, with their options; and why others, whose plugins failed, are left out.

    UsageError names what is unknown; WganalyzeError says why none is left.
    """
    texts = split_options(request.options)
    lost: dict[str, str] = {}
    for name in [*request.only, *request.skip, *texts]:
        fault = None if name in host.analyzers else host.fault(name)
        if fault is None:
            host.analyzer(name)
        elif name not in request.skip:
            lost[name] = fault
    names = list(dict.fromkeys(request.only)) or sorted(host.analyzers)
    chosen = [host.analyzers[name] for name in names if name not in request.skip and name not in lost]
    if not chosen and lost:
        raise WganalyzeError("; ".join(lost.values()))
    if not chosen:
        raise UsageError("--only and --skip leave no analyzer to run")
    options = {name: make_options(host.analyzers[name], given) for name, given in texts.items() if name not in lost}
    found = [analyzer(options.get(analyzer.name) or make_options(analyzer, {})) for analyzer in chosen]
    return found, [*lost.values()]


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
