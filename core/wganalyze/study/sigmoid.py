"""The sigmoid cut: what a critic's output is, and the module that gives its logit or score."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from wganalyze.contracts.terms import Output
from wganalyze.study.calling import first_tensor

if TYPE_CHECKING:
    from torch.nn import Module


PROBES, PROBE_SCALES = 8, (1.0, 1e1, 1e2, 1e3, 1e4)


@dataclass(frozen=True)
class CriticOutput:
    """What comes out of a critic, and the module that gives it to the analyzers."""

    module: Module
    kind: Literal["score", "logit"]
    note: str = ""
    invert: bool = False
    assumption: str = ""


def read_output(original: Module, arguments: list[Any], said: Output | None) -> CriticOutput:
    """Cut a final sigmoid where the cut is proven: sigmoid(cut(x)) equals what the critic gave.

    What nobody said and nothing shows is taken for a score, and recorded as an assumption.
    """
    import torch

    for cut in (_without_last_module(original), _without_last_call(original)):
        if cut is None:
            continue
        with torch.no_grad(), suppress(Exception):
            scores, logits = (first_tensor(net(*arguments)) for net in (original, cut))
            if torch.allclose(torch.sigmoid(logits), scores, rtol=0, atol=1e-12):
                return CriticOutput(cut, "logit", "final sigmoid cut: the logit is analysed")
    inverted = "probabilities inverted: the logit is analysed"
    if said == "probability":
        return CriticOutput(original, "logit", inverted, invert=True)
    if said is None and _stays_in_unit_interval(original, arguments):
        why = "it stays in [0, 1] on inputs of any size (set [critic] output or --output)"
        return CriticOutput(original, "logit", inverted, True, f"critic output: a probability, since {why}")
    assumption = "" if said else "critic output: a score, as of a WGAN (set [critic] output or --output)"
    return CriticOutput(original, said or "score", assumption=assumption)


def _without_last_module(original: Module) -> Module | None:
    """A copy without its last sigmoid layer."""
    import torch

    names = [name for name, module in original.named_modules() if isinstance(module, torch.nn.Sigmoid)]
    if not names or not names[-1]:
        return None
    cut = copy.deepcopy(original)
    parent, _, leaf = names[-1].rpartition(".")
    setattr(cut.get_submodule(parent), leaf, torch.nn.Identity().eval())
    return cut


def _without_last_call(original: Module) -> Module | None:
    """A traced copy without its last call of a sigmoid: function, method, or a layer that is called twice."""
    import torch.fx

    try:
        traced = torch.fx.symbolic_trace(original)
    except Exception:  # the critic's own code runs here, on stand-ins: it may raise anything
        return None
    layers = [name for name, module in traced.named_modules() if isinstance(module, torch.nn.Sigmoid)]
    sigmoids = (torch.sigmoid, torch.nn.functional.sigmoid, "sigmoid", *layers)
    calls = [node for node in traced.graph.nodes if node.op.startswith("call_") and node.target in sigmoids]
    if not calls or len(calls[-1].all_input_nodes) != 1:
        return None
    calls[-1].replace_all_uses_with(calls[-1].all_input_nodes[0])
    traced.graph.erase_node(calls[-1])
    traced.recompile()
    return traced.eval()


def _stays_in_unit_interval(critic: Module, arguments: list[Any]) -> bool:
    """Are all scores in [0, 1], and not all equal, on inputs from moderate to very large? At first never at an end."""
    import torch

    points, *labels = arguments
    generator = torch.Generator().manual_seed(1)
    parts = []
    with torch.no_grad(), suppress(Exception):  # a critic may refuse inputs of such a size
        for scale in PROBE_SCALES:
            for _ in range(PROBES):
                probe = scale * torch.randn(points.shape, generator=generator, dtype=torch.float64)
                parts.append(first_tensor(critic(probe.to(points.device), *labels)).reshape(-1))
    if len(parts) < PROBES * len(PROBE_SCALES):
        return False
    scores, moderate = torch.cat(parts), torch.cat(parts[:PROBES])
    inside = (scores >= 0).all() and (scores <= 1).all() and (moderate > 0).all() and (moderate < 1).all()
    return bool(inside and scores.max() - scores.min() > 1e-6)
