"""Programs of ``torch.export`` and TorchScript as modules that core can run: any batch, any precision, both modes."""

from __future__ import annotations

import copy
import io
import logging
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import torch
from torch import Tensor, fx, nn
from torch.fx.graph import CodeGen
from torch.fx.node import map_aggregate

from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.wording import what_it_says

if TYPE_CHECKING:
    from typing import Self

    from wganalyze_checkpoints.torch.headers import Argument, Header


_DEVICE = re.compile(rb'\{"type":\s*"(?!cpu"|meta")\w+",\s*"index":\s*(?:\d+|null)\}')
_CPU = b'{"type": "cpu", "index": null}'


def read_exported(path: Path, name: str, header: Header) -> nn.Module:
    """The program called ``name`` of an archive, loaded: this runs what the file says."""
    try:
        with _quiet(), _on_cpu(path) as file:
            if name == "model":
                program = torch.export.load(file)
            else:
                from torch.export.pt2_archive._package import load_pt2

                program = load_pt2(file).exported_programs[name]
            return Exported(*_flat(program), header.arguments)
    except Exception as error:  # of a file that only looks right it may raise anything
        raise torch_file.damaged(path, error) from error


def _on_cpu(path: Path) -> BinaryIO:
    """The archive; where it was exported on another device, a copy that says CPU, as torch insists on that device."""
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist() if name.endswith((".json", ".pt"))}
        moved = {name: _DEVICE.sub(_CPU, content) for name, content in records.items() if name.endswith(".json")}
        if all(content == records[name] for name, content in moved.items()):
            return path.open("rb")
        for name in records.keys() - moved.keys():
            sample = "sample_inputs/" in name or name == "serialized_example_inputs.pt"
            moved[name] = b"" if sample else _remapped(records[name])
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as target:
            for info in archive.infolist():
                target.writestr(info.filename, moved[info.filename] if info.filename in moved else archive.read(info))
    buffer.seek(0)
    return buffer


def _remapped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    torch.save(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True), buffer)
    return buffer.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's notes about older layouts, of no use to the user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _flat(program: torch.export.ExportedProgram) -> tuple[fx.GraphModule, dict[int, object]]:
    """The program as a plain module that takes and returns flat lists, and the arguments that the export fixed.

    A plain module can be copied and put in either mode; its last sigmoid becomes a layer, which core may cut.
    """
    module = program.module()
    graph = module.graph
    graph.set_codegen(CodeGen())
    sigmoids = [node for node in graph.nodes if node.target is torch.ops.aten.sigmoid.default]
    for node in sigmoids[-1:]:
        module.add_submodule("final_sigmoid", nn.Sigmoid())
        with graph.inserting_before(node):
            node.replace_all_uses_with(graph.call_module("final_sigmoid", (node.args[0],)))
        graph.erase_node(node)
    given: list[Any] = [spec.arg for spec in program.graph_signature.input_specs if spec.kind.name == "USER_INPUT"]
    fixed: dict[int, object] = {i: arg.value for i, arg in enumerate(given) if hasattr(arg, "value")}
    return fx.GraphModule(module, graph), fixed


class Exported(nn.Module):
    """An exported program.

    Exports fix the dtype, the mode and often the batch: inputs are cast, batches are cut or filled up with copies of
    their last row, and ``eval``, ``train`` and ``double`` rewrite the graph. Where the graph cannot be moved to
    float64 (it must then give what it gave), the program keeps its precision. Outputs have the dtype of the input.
    """

    def __init__(self, program: fx.GraphModule, fixed: dict[int, object], arguments: tuple[Argument, ...]) -> None:
        super().__init__()
        self.program = program
        self.fixed = fixed
        self.arguments = arguments
        floats = [d for a in arguments if (d := getattr(torch, a.dtype)).is_floating_point]
        self.stated = floats[0] if floats else torch.float32
        self.precision = self.stated
        self.device = torch.device("cpu")
        sizes: Sequence[Any] = arguments[0].sizes or () if arguments else ()
        first = sizes[0] if sizes else None
        self.least: int = 1 if first is None else first.least
        self.most: int | None = None if first is None else first.most
        self.eval()
        reason = self._why_no_gradient()
        if reason:
            self.no_gradient = f"the exported program has no gradient ({reason}); save the network's state_dict()"

    def forward(self, *given: Tensor) -> Any:
        """The outputs, of which there may be several, for as many rows as are given."""
        inputs = [self._cast(tensor, argument) for tensor, argument in self._checked(given)]
        count = len(given[0])
        step = self.most or count
        parts = [self._batch([x[i : i + step] for x in inputs]) for i in range(0, count, step)]
        outputs = [next(iter(c)) if len(c) == 1 else torch.cat(c) for c in zip(*parts, strict=True)]
        dtype = given[0].dtype
        outputs = [y.to(dtype) if y.is_floating_point() and dtype.is_floating_point else y for y in outputs]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _checked(self, given: tuple[Tensor, ...]) -> list[tuple[Tensor, Argument]]:
        names = ", ".join(a.name for a in self.arguments)
        if len(given) != len(self.arguments):
            raise TypeError(f"the program takes {len(self.arguments)} inputs ({names}), not {len(given)}")
        for tensor, argument in zip(given, self.arguments, strict=True):
            shape = tuple(size.fixed for size in argument.sizes)
            wanted = ", ".join("any" if n is None else str(n) for n in ("batch", *shape[1:]))
            fits = all(n in (None, m) for n, m in zip(shape[1:], tensor.shape[1:], strict=False))
            if tensor.dim() != len(shape) or not fits:
                raise ValueError(f"the program takes {argument.name} of shape ({wanted}), not {tuple(tensor.shape)}")
        return list(zip(given, self.arguments, strict=True))

    def _cast(self, tensor: Tensor, argument: Argument) -> Tensor:
        dtype = getattr(torch, argument.dtype)
        return tensor.to(self.precision if dtype == self.stated else dtype)

    def _batch(self, inputs: list[Tensor]) -> list[Tensor]:
        count = len(inputs[0])
        short = self.least - count
        if short > 0:
            inputs = [torch.cat([x, x[-1:].expand(short, *x.shape[1:])]) for x in inputs]
        return [y[:count] if short > 0 and y.dim() else y for y in _call(self.program, inputs, self.fixed)]

    def train(self, mode: bool = True) -> Self:
        """Put dropout and batch norm into this mode, whichever the export had; decomposed ones may have one only."""
        self.training = mode
        _set_mode(self.program, mode)
        return self

    def double(self) -> Self:
        """In float64, where the graph then gives what it gave before."""
        moved = copy.deepcopy(self.program).double()
        _replace(moved, self.precision, torch.float64)
        if self.precision != torch.float64 and self._agrees(moved):
            self.program, self.precision = moved, torch.float64
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move to another device, together with the constants that the graph makes; the precision is kept."""
        device = fn(torch.empty(0, device=self.device)).device
        self.program.to(device)
        _replace(self.program, self.device, device)
        self.device = device
        return self

    def _probe(self, dtype: torch.dtype) -> list[Tensor]:
        """Inputs of the sizes that the export saw: normal, or zero for integers."""
        generator = torch.Generator().manual_seed(0)
        probe = []
        for argument in self.arguments:
            stated, shape = getattr(torch, argument.dtype), [size.example for size in argument.sizes]
            x = torch.randn(shape, generator=generator) if stated.is_floating_point else torch.zeros(shape)
            probe.append(x.to(self.device, dtype if stated == self.stated else stated))
        return probe

    def _agrees(self, moved: fx.GraphModule) -> bool:
        before = self.training
        _set_mode(moved, False)
        self.eval()
        try:
            with torch.no_grad():
                old = _call(self.program, self._probe(self.precision), self.fixed)[0].double()
                new = _call(moved, self._probe(torch.float64), self.fixed)[0]
            near = torch.finfo(self.precision).eps ** 0.5
            close = torch.allclose(old, new.double(), rtol=near, atol=near * float(old.abs().max()))
            return new.dtype == torch.float64 and close
        except Exception:  # what does not run in float64 may fail in any way
            return False
        finally:
            self.train(before)
            _set_mode(moved, before)

    def _why_no_gradient(self) -> str:
        try:
            with torch.enable_grad():
                x, *others = self._probe(self.precision)
                y = _call(self.program, [x.requires_grad_(True), *others], self.fixed)[0]
                torch.autograd.grad(y.sum(), x)
        except Exception as error:
            return what_it_says(error)
        return ""


def _call(program: fx.GraphModule, inputs: list[Tensor], fixed: dict[int, object]) -> list[Tensor]:
    """The tensors among the outputs."""
    rest = iter(inputs)
    count = len(inputs) + len(fixed)
    try:
        outputs = program(*(fixed[i] if i in fixed else next(rest) for i in range(count)))
    except AssertionError as error:  # a guard of the export
        raise ValueError(str(error)) from error
    return [y for y in outputs if isinstance(y, Tensor)]


def _set_mode(program: fx.GraphModule, training: bool) -> None:
    """Set the flag of every call that has one; batch norm without running statistics knows one mode only."""
    for module in _graphs(program):
        for node in module.graph.nodes:
            schema = getattr(node.target, "_schema", None)
            if node.op != "call_function" or schema is None:
                continue
            places = {argument.name: i for i, argument in enumerate(schema.arguments)}
            flag = "training" if "training" in places else "train"
            if flag not in places:
                continue
            if "batch_norm" in schema.name and _value(node, "running_mean", places) is None:
                continue
            if places[flag] < len(node.args):
                node.update_arg(places[flag], training)
            else:
                node.update_kwarg(flag, training)
        module.recompile()


def _value(node: fx.Node, name: str, places: dict[str, int]) -> object:
    place = places.get(name)
    if place is None:
        return None
    return node.args[place] if place < len(node.args) else node.kwargs.get(name)


def _replace(program: fx.GraphModule, old: object, new: object) -> None:
    """A dtype or a device, wherever a call names it."""

    def swap(value: Any) -> Any:
        return new if type(value) is type(old) and value == old else value

    for module in _graphs(program):
        for node in module.graph.nodes:
            node.args = map_aggregate(node.args, swap)
            node.kwargs = map_aggregate(node.kwargs, swap)
        module.recompile()


def _graphs(program: fx.GraphModule) -> list[fx.GraphModule]:
    """The program, and those that it holds (branches of a condition)."""
    return [module for module in program.modules() if isinstance(module, fx.GraphModule)]


class Script(nn.Module):
    """A TorchScript program; one that does not run in float64 (it was frozen) keeps its precision."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program
        self.narrow: nn.Module | None = None

    def forward(self, *given: Tensor) -> Any:
        """What the program gives."""
        if self.narrow is None or given[0].dtype != torch.float64:
            return self.program(*given)
        try:
            return self.program(*given)
        except RuntimeError:
            outputs = self.narrow(*(x.float() if x.dtype == torch.float64 else x for x in given))
            return _widened(outputs)

    def double(self) -> Self:
        """In float64, as far as the program can."""
        if self.narrow is None:
            narrow = copy.deepcopy(self.program)
            super().double()
            self.narrow = narrow
        return self


def _widened(outputs: Any) -> Any:
    if isinstance(outputs, tuple):
        return tuple(_widened(y) for y in outputs)
    return outputs.double() if isinstance(outputs, Tensor) and outputs.is_floating_point() else outputs
