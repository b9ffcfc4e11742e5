"""Running the networks: samples from a generator, scores and gradients from a critic."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from wganalyze.data import Samples, Split
from wganalyze.errors import CheckpointError
from wganalyze.snapshot import Latent
from wganalyze.spectral import settled

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from wganalyze.adapters import Place
    from wganalyze.snapshot import Snapshot

Mode = Literal["eval", "train"]
Scores = npt.NDArray[np.float64]
BATCH = 256
PROBES, PROBE_SCALES = 8, (1.0, 1e1, 1e2, 1e3, 1e4)


def generate(
    snapshot: Snapshot, n: int, split: Split, *, seed: int, device: str, mode: Mode | None = None
) -> tuple[Samples, str]:
    """``n`` samples of the snapshot's generator, and the space's shape as text; ``mode`` None: as the snapshot says.

    z and labels depend on (seed, split) only, so that every snapshot sees the same. CheckpointError where the
    generator does not take that latent or yields NaN.
    """
    import torch

    assert snapshot.generator is not None
    generator = snapshot.generator.to(device)
    mode = mode or snapshot.generator_mode
    if mode == "train":
        generator = copy.deepcopy(generator).train()
    z, labels = latent_draw(snapshot.latent, n, split, seed)
    made: list[Tensor] = []
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for rows in _batches(n, BATCH):
                arguments = [torch.from_numpy(z[rows]).to(device)]
                if labels is not None:
                    arguments.append(_encoded(labels[rows], snapshot.latent, device))
                if labels is not None and snapshot.latent.encoding == "concat":
                    from wganalyze.adapters import join

                    arguments = [join(*arguments)]
                made.append(_tensor(generator(*arguments)).float().cpu())
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        labels_too = f" and labels of {snapshot.latent.classes} classes" if labels is not None else ""
        raise CheckpointError(
            f"{snapshot.label}: the generator does not take a latent of shape {snapshot.latent.shape}{labels_too} "
            f"({_line(error)}); say --latent SHAPE (or [latent] shape), and --classes N with --label-encoding if it is "
            "conditional"
        ) from error
    images = torch.cat(made).numpy()
    if not np.isfinite(images).all():
        raise CheckpointError(f"{snapshot.label}: the generator yields NaN or infinity")
    key = ("fake", split.name, split.replicate, n, mode)
    return Samples(images.reshape(n, -1), tuple(images.shape[1:]), labels, key), str(images.shape[1:])


def latent_draw(
    latent: Latent, n: int, split: Split, seed: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64] | None]:
    """z (n, *shape) by the latent law (uniform: on [-1, 1]) and labels (n,), uniform over the classes, or None."""
    rng = split.rng(seed, "latent")
    shape = (n, *latent.shape)
    z = rng.standard_normal(shape, np.float32) if latent.law == "normal" else rng.uniform(-1, 1, shape)
    labels = rng.integers(0, latent.classes, n) if latent.classes else None
    return z.astype(np.float32), labels


@dataclass(frozen=True, eq=False)
class CriticHead:
    """A critic made ready for analysis: float64, eval mode, a final sigmoid cut where that is proven safe.

    ``shape``: of one input; ``note``: what was cut or inverted; ``invert``: scores are probabilities to be inverted.
    """

    module: Module
    shape: tuple[int, ...]
    note: str
    output: str
    invert: bool
    assumptions: tuple[str, ...]
    device: str
    latent: Latent

    def inputs(self, samples: Samples, rows: slice) -> list[Any]:
        """The arguments of one call: points in the critic's shape, and labels for a conditional critic."""
        import torch

        if samples.dim != math.prod(self.shape):
            raise CheckpointError(
                f"the critic takes samples of shape {self.shape}, not {samples.shape}; "
                "use data of the size that it was trained on"
            )
        # A copy: some critics overwrite their input.
        points = torch.from_numpy(samples.points[rows]).to(self.device, torch.float64, copy=True)
        arguments: list[Any] = [points.reshape(-1, *self.shape)]
        if self.latent.classes and samples.labels is None:
            raise CheckpointError("a conditional critic needs labels, and the data have none; use data with labels")
        if self.latent.classes and samples.labels is not None:
            arguments.append(_encoded(samples.labels[rows], self.latent, self.device, double=True))
        return arguments

    def scores(self, samples: Samples, mode: Mode, batch: int) -> Scores:
        """(n,) float64; in train mode by a copy, so that no buffer changes, in batches of ``batch`` in order."""
        import torch

        module = self.module if mode == "eval" else copy.deepcopy(self.module).train()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            parts = [_tensor(module(*self.inputs(samples, rows))).reshape(-1) for rows in _batches(len(samples), batch)]
        scores = torch.cat(parts).double().cpu().numpy()
        if self.invert:
            if ((scores <= 0) | (scores >= 1)).any():
                raise CheckpointError("the critic's probabilities saturate at 0 or 1, so that they cannot be inverted")
            scores = np.log(scores) - np.log1p(-scores)
        if not np.isfinite(scores).all():
            raise CheckpointError("the critic yields NaN or infinity")
        return scores

    def gradient(self, samples: Samples, mode: Mode, batch: int = BATCH) -> npt.NDArray[np.float64]:
        """Gradient of the score with respect to its input, (n, d) float64."""
        import torch

        module = self.module if mode == "eval" else copy.deepcopy(self.module).train()
        parts = []
        with torch.enable_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for rows in _batches(len(samples), batch):
                points, *labels = self.inputs(samples, rows)
                points.requires_grad_(True)
                scores = _tensor(module(points.clone(), *labels))
                if self.invert:
                    scores = torch.logit(scores)
                (slope,) = torch.autograd.grad(scores.sum(), points)
                parts.append(slope.reshape(len(slope), -1).cpu().numpy())
        return np.concatenate(parts)


def prepare_critic(snapshot: Snapshot, candidates: list[tuple[int, ...]], device: str) -> CriticHead:
    """The critic of a snapshot, fitted to the samples: the first candidate shape that gives one score a sample."""
    import torch

    from wganalyze.adapters import LabelsJoined, OneScore, tensors_of

    assert snapshot.critic is not None
    original = settled(snapshot.critic).double().to(device).eval()
    failures = []
    latents = [snapshot.latent, Latent()] if snapshot.latent.classes else [snapshot.latent]
    for latent, shape in ((latent, shape) for latent in latents for shape in candidates):
        probe = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)).double().to(device)
        arguments: list[Any] = [probe]
        if latent.classes:
            arguments.append(_encoded(np.zeros(2, np.int64), latent, device, double=True))
        critic: Module = LabelsJoined(original) if latent.classes and latent.encoding == "concat" else original
        try:
            with torch.no_grad():
                outputs = dict(tensors_of(critic(*arguments)))
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            failures.append(f"{shape}: {_line(error)}")
            continue
        place = next((place for place, output in outputs.items() if output.numel() == 2), None)
        if place is None:
            first = next(iter(outputs.values()), None)
            failures.append(f"{shape}: {0 if first is None else first.numel() // 2} scores a sample")
            continue
        out = _output(critic if not place else OneScore(critic, place), arguments, snapshot.output)
        guesses = [
            f"critic input reshaped to {shape}" if shape != candidates[0] else "",
            "the critic takes no labels" if latent is not snapshot.latent else "",
            _set_aside(outputs, place),
            out.assumption,
        ]
        return CriticHead(out.module, shape, out.note, out.kind, out.invert, (*filter(None, guesses),), device, latent)
    raise CheckpointError(
        f"{snapshot.label}: the critic does not take the samples ({'; '.join(dict.fromkeys(failures))}); "
        "use data of the size that it was trained on"
    )


def _set_aside(outputs: Mapping[Place, Tensor], chosen: Place) -> str:
    """Which outputs beside the score were left: the head of an auxiliary classifier, features."""
    others = [
        f"{'.'.join(map(str, place))} {tuple(out.shape[1:])}" for place, out in outputs.items() if place != chosen
    ]
    if not others:
        return ""
    return f"critic output {'.'.join(map(str, chosen))} taken as the score, set aside: {', '.join(others)}"


@dataclass(frozen=True)
class _Output:
    """What comes out of a critic, and the module that gives it to the analyzers."""

    module: Module
    kind: str
    note: str = ""
    invert: bool = False
    assumption: str = ""


def _output(original: Module, arguments: list[Any], said: str | None) -> _Output:
    """Cut a final sigmoid where the cut is proven: sigmoid(cut(x)) equals what the critic gave.

    What nobody said and nothing shows is taken for a score, and recorded as an assumption.
    """
    import torch

    for cut in (_without_last_module(original), _without_last_call(original)):
        if cut is None:
            continue
        with torch.no_grad(), suppress(Exception):
            scores, logits = (_tensor(net(*arguments)) for net in (original, cut))
            if torch.allclose(torch.sigmoid(logits), scores, rtol=0, atol=1e-12):
                return _Output(cut, "logit", "final sigmoid cut: the logit is analysed")
    inverted = "probabilities inverted: the logit is analysed"
    if said == "probability":
        return _Output(original, "logit", inverted, invert=True)
    if said is None and _stays_in_unit_interval(original, arguments):
        why = "it stays in [0, 1] on inputs of any size (set [critic] output or --output)"
        return _Output(original, "logit", inverted, True, f"critic output: a probability, since {why}")
    assumption = "" if said else "critic output: a score, as of a WGAN (set [critic] output or --output)"
    return _Output(original, said or "score", assumption=assumption)


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
    found = []
    with torch.no_grad(), suppress(Exception):  # a critic may refuse inputs of such a size
        for scale in PROBE_SCALES:
            for _ in range(PROBES):
                probe = scale * torch.randn(points.shape, generator=generator, dtype=torch.float64)
                found.append(_tensor(critic(probe.to(points.device), *labels)).reshape(-1))
    if len(found) < PROBES * len(PROBE_SCALES):
        return False
    scores, moderate = torch.cat(found), torch.cat(found[:PROBES])
    inside = (scores >= 0).all() and (scores <= 1).all() and (moderate > 0).all() and (moderate < 1).all()
    return bool(inside and scores.max() - scores.min() > 1e-6)


def rounded(values: npt.NDArray[Any]) -> str:
    """Values to six significant digits: equal text for equal networks, whatever the thread count."""
    return " ".join(f"{v:.6g}" for v in np.asarray(values, np.float64).ravel()[:4096])


def _batches(n: int, batch: int) -> Iterator[slice]:
    """Consecutive batches; a remainder of one sample, which BatchNorm cannot take, joins the batch before it."""
    count = max(1, math.ceil(n / batch) - (1 if n % batch == 1 and n > batch else 0))
    for i in range(count):
        yield slice(i * batch, n if i == count - 1 else (i + 1) * batch)


def _encoded(labels: npt.NDArray[np.int64], latent: Latent, device: str, *, double: bool = False) -> Tensor:
    """Labels as a network takes them; one-hot in the precision of the network: float64 for a critic."""
    import torch

    index = torch.from_numpy(labels).to(device)
    if latent.encoding == "index":
        return index
    return torch.nn.functional.one_hot(index, latent.classes).to(torch.float64 if double else torch.float32)


def _tensor(output: Any) -> Tensor:
    """The first tensor of what a network returns (some return a tuple with an auxiliary head)."""
    while isinstance(output, tuple | list):
        output = output[0]
    return output  # type: ignore[no-any-return]


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 160 else text[:157] + "..."
