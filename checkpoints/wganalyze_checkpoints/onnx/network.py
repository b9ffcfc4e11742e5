"""An ONNX program as a torch module: run by onnxruntime on the CPU, and without gradients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wganalyze import CheckpointError, Input
from wganalyze_checkpoints.wording import what_it_says


class OnnxNetwork(nn.Module):
    """Called as ``network(x)`` or ``network(x, labels)``; gives the graph's output, or a tuple where it has several.

    It computes in the precision of its file, whatever ``double()`` says, and answers in that of ``x``. A batch that
    the file fixes is filled up.
    """

    def __init__(self, path: Path, inputs: Sequence[Input]) -> None:
        super().__init__()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 4
        onnxruntime.set_seed(0)  # for operators that draw
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:
            raise CheckpointError(
                f"{path}: onnxruntime does not load it ({what_it_says(error)}); export it anew, or update onnxruntime"
            ) from error
        self._inputs = tuple(inputs)
        self._gives = tuple(output.name for output in self._session.get_outputs())
        self.no_gradient = "an ONNX program run by onnxruntime has no gradients"

    def forward(self, x: Tensor, *labels: Tensor) -> Tensor | tuple[Tensor, ...]:
        """``x``: (n, ...); labels: (n,) int64, or one-hot (n, classes)."""
        if len(labels) + 1 != len(self._inputs):
            raise ValueError(f"it takes {', '.join(each.name for each in self._inputs)}, not {1 + len(labels)} inputs")
        first, *others = self._inputs
        check_shape(x, first)
        if any(len(y) != len(x) for y in labels):
            raise ValueError(f"{len(x)} samples and labels of {', '.join(str(len(y)) for y in labels)}")
        given = [x.detach(), *(encoded(y, x, each.shape, each.dtype) for y, each in zip(labels, others, strict=True))]
        feed = [value.cpu().to(getattr(torch, each.dtype)) for value, each in zip(given, self._inputs, strict=True)]
        size = first.shape[0] if first.shape else None
        results = [
            self._run([part[i : i + (size or len(x))] for part in feed], size)
            for i in range(0, len(x), size or max(1, len(x)))
        ]
        outputs = [torch.cat(parts).to(x.device, x.dtype) for parts in zip(*results, strict=True)]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _run(self, feed: Sequence[Tensor], size: int | None) -> list[Tensor]:
        """One call of the program; a batch that is shorter than ``size`` is filled up by its last row."""
        n = len(feed[0])
        rows = torch.arange(n if size is None else size).clamp(max=n - 1)
        arrays = {each.name: value[rows].numpy() for each, value in zip(self._inputs, feed, strict=True)}
        try:
            results = [torch.from_numpy(result) for result in self._session.run(None, arrays)]
        except Exception as error:
            raise ValueError(f"onnxruntime: {what_it_says(error)}") from error
        if any(len(result.shape) == 0 or len(result) != len(rows) for result in results):
            raise ValueError("it gives other than one result a sample")
        return [result[:n] for result in results]

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxNetwork:
        """The same network: it has no state that a call or a mode would change."""
        return self

    def extra_repr(self) -> str:
        """What it takes and gives; the file's content is known by its digest."""
        takes = ", ".join(f"{each.name} {each.dtype} {each.shape}" for each in self._inputs)
        return f"{takes} -> {', '.join(self._gives)}"


def check_shape(x: Tensor, entry: Input) -> None:
    """ValueError where a sample has another shape than the program states."""
    stated, given = (entry.shape or (None,) * x.dim())[1:], tuple(x.shape[1:])
    if len(stated) != len(given) or any(n not in (None, m) for n, m in zip(stated, given, strict=True)):
        raise ValueError(f"the input {entry.name} takes samples of shape {stated}, not {given}")


def encoded(labels: Tensor, x: Tensor, shape: Sequence[int | None] | None, dtype: str) -> Tensor:
    """Labels, (n,) int64 or one-hot (n, k), as an input of this shape takes them: an index, one-hot, or planes of it.

    Integers stay integers; other labels come in the precision of ``x``.
    """
    kind = torch.int64 if "int" in dtype else x.dtype
    axes = list((shape or (None,))[1:])
    if all(n == 1 for n in axes):
        index = labels.argmax(dim=1) if labels.dim() == 2 else labels
        return index.reshape(-1, *[1] * len(axes)).to(kind)
    classes, *planes = axes
    if labels.dim() == 1 and classes is None:
        raise ValueError("its labels are one-hot, of a width that it does not state; say --label-encoding onehot")
    if labels.dim() == 1 and classes is not None:
        labels = F.one_hot(labels, classes)
    if classes not in (None, labels.shape[1]):
        raise ValueError(f"it takes one-hot labels of {classes} classes, not of {labels.shape[1]}")
    spread = labels.reshape(*labels.shape, *[1] * len(planes))
    return spread.expand(-1, -1, *(1 if n is None else n for n in planes)).to(kind)
