"""ONNX programs: generators and critics, described from the file alone, run by onnxruntime or converted to torch.

The graph holds standard operators and nothing else that could run; files with operators of other domains, which
need code from elsewhere, are described and refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wganalyze import CheckpointError, Input, Loader, Part, Role, hookimpl, one_line
from wganalyze_checkpoints.onnx import file as onnx_file
from wganalyze_checkpoints.onnx.file import OnnxFile
from wganalyze_checkpoints.wording import LONGEST, few

if TYPE_CHECKING:
    from torch.nn import Module

EXTRA = "pip install 'wganalyze[onnx]'"
_LABELS = frozenset(["label", "labels", "y", "c", "cls", "class", "classes", "cond", "condition", "onehot", "digit"])
_ENDLESS = frozenset(["Loop", "Scan", "SequenceMap"])
_RANDOM = frozenset(
    ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"]
)
LARGEST = 2**28
"""Numbers in one value for one sample: those of a video of 4,096 frames of 256x256; not what networks compute."""
_MAX_FACTS = 100


class Onnx(Loader):
    """The loader of kind "onnx"."""

    name = "onnx"

    def sniff(self, path: Path) -> float:
        """High where it is a model with a graph; low where it begins as one but is damaged, so that it says so."""
        try:
            return 0.95 if onnx_file.read(path) is not None else 0.0
        except CheckpointError:
            return 0.3

    def open(self, path: Path) -> list[Part]:
        """One Part for the program, from the file's structure: nothing of it is run, and its weights are not read."""
        file = onnx_file.read(path)
        if file is None:
            raise CheckpointError(f"{path}: is not an ONNX model; write it with torch.onnx.export")
        refusals = _refusals(file)
        random = sorted(file.operators & _RANDOM)
        refused = f"{path.name} is not run: {'; '.join(refusals)}" if refusals else ""
        problems = [refused] if refused else []
        problems += [f"it draws random numbers ({', '.join(random)}): no two calls give the same"] if random else []
        inputs = call_order(file.inputs)
        return [
            Part(
                path,
                self.name,
                role=_role(file, inputs),
                keys=file.initializers,
                facts=_facts(file, inputs),
                read_module=partial(_read_module, path, inputs),
                problems=tuple(problems),
                runs_code=False,
                inputs=inputs,
                others=tuple(data for name in file.data if (data := path.parent / name).is_file()),
                refused=refused,
            )
        ]


def call_order(inputs: Sequence[Input]) -> tuple[Input, ...]:
    """The inputs as core gives them: the latent or the sample first, then labels.

    Labels are what holds integers, or else what is named so, or else what comes last.
    """
    whole = [each for each in inputs if "int" in each.dtype]
    named = [each for each in inputs if _LABELS & set(each.name.lower().replace("_", " ").split())]
    labels = next((group for group in (whole, named) if len(group) == 1 and len(inputs) > 1), [])
    return (*(each for each in inputs if each not in labels), *labels)


def _role(file: OnnxFile, inputs: Sequence[Input]) -> Role | None:
    """What the shapes leave no doubt about: images from a vector, or one number from an image."""
    given, taken = file.outputs[0].shape, inputs[0].shape if inputs else None
    if given is None or taken is None:
        return None
    wide_in, wide_out = ([n for n in shape[1:] if n != 1] for shape in (taken, given))
    if len(given) == 4 and len(wide_out) >= 2 and len(wide_in) == 1:
        return "generator"
    return "critic" if len(taken) == 4 and len(wide_in) >= 2 and not wide_out else None


def _facts(file: OnnxFile, inputs: Sequence[Input]) -> dict[str, float | int | str | bool]:
    """Where it comes from, what it gives, and what its writer put beside it."""
    facts: dict[str, float | int | str | bool] = {}
    for key, value in list(file.metadata.items())[:_MAX_FACTS]:
        if key and not key.startswith("pkg."):  # the notes of an exporter to itself
            facts[key] = _number(value)
    facts["producer"] = file.producer or "unknown"
    facts["opset"] = next((version for domain, version in file.opsets.items() if domain in ("", "ai.onnx")), 1)
    facts["outputs"] = one_line(", ".join(described(each) for each in file.outputs), LONGEST)
    classes = _classes(file, inputs[1]) if len(inputs) == 2 else None
    if classes is not None:
        facts["classes"] = classes
    return facts


def _number(text: str) -> float | int | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _classes(file: OnnxFile, labels: Input) -> int | None:
    """How many classes the labels have: the width of a one-hot vector, or the rows of the embedding they look up."""
    if labels.shape is not None and len(labels.shape) == 2 and labels.shape[1] != 1 and "int" not in labels.dtype:
        return labels.shape[1]
    for node in file.nodes:
        table = file.initializers.get(node.inputs[0]) if len(node.inputs) == 2 else None
        if node.operator == "Gather" and table is not None and node.inputs[1] == labels.name and len(table.shape) == 2:
            return table.shape[0]
    return None


def described(entry: Input) -> str:
    """ "images (b, 1, 28, 28) float32"."""
    if entry.shape is None:
        return f"{entry.name} {entry.dtype}".strip()
    axes = ", ".join("b" if i == 0 and n is None else "?" if n is None else str(n) for i, n in enumerate(entry.shape))
    return f"{entry.name} ({axes}) {entry.dtype}".strip()


def _refusals(file: OnnxFile) -> list[str]:
    """Why it is not run."""
    reasons = list(file.refusals)
    if file.foreign:
        names = few(file.foreign, 4)
        reasons.append(f"it needs operators beyond the standard ones ({names}), which would be code from elsewhere")
    endless = sorted(file.operators & _ENDLESS)
    if endless:
        reasons.append(f"it holds loops ({', '.join(endless)}), whose end cannot be told")
    return reasons


def _check_size(path: Path) -> None:
    """CheckpointError where a value that the graph computes would fill the memory."""
    import onnx

    try:
        model = onnx.shape_inference.infer_shapes(onnx.load(path, load_external_data=False), data_prop=True)
    except Exception as error:  # of a file that only looks right, its reader may raise anything
        raise onnx_file.damaged(path, error) from error
    for value in model.graph.value_info:
        size = math.prod(max(1, axis.dim_value) for axis in value.type.tensor_type.shape.dim)
        if size > LARGEST:
            raise CheckpointError(f"{path}: would compute {size:,} numbers at once; do not run it")


def _read_module(path: Path, inputs: Sequence[Input]) -> Module:
    file = onnx_file.read(path)
    refusals = ["it is no ONNX model any more"] if file is None else _refusals(file)
    if refusals:
        raise CheckpointError(f"{path}: {refusals[0]}; export it anew, in one piece, with standard operators only")
    try:
        import onnx
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise CheckpointError(f"{path}: running ONNX needs onnxruntime; {EXTRA}") from error
    from wganalyze_checkpoints.onnx.converter import convert
    from wganalyze_checkpoints.onnx.graph import NoConversion
    from wganalyze_checkpoints.onnx.network import OnnxNetwork

    _check_size(path)
    network = OnnxNetwork(path, inputs)
    try:
        return convert(onnx.load(path), inputs, network)
    except NoConversion as reason:
        why = str(reason)
    except Exception as error:  # onnxruntime runs it; whatever stands against a conversion costs the gradients only
        why = f"it is not converted to torch ({one_line(f'{type(error).__name__}: {error}', LONGEST)})"
    network.no_gradient = f"{path.name} has no gradients: {why}; save its state_dict() in its trainer and give that"
    return network


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loader of ONNX programs."""
    return [Onnx]
