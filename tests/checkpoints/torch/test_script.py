"""TorchScript: recognised by its code, described by its tensors, run when core has the user's trust."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional, Tuple  # noqa: UP035  (TorchScript knows no others)

import pytest
import torch
from torch import Tensor, nn

from wganalyze.contracts.loader import Input, TensorSpec
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.torch.module_pickle import TorchModulePickle
from wganalyze_checkpoints.torch.script import TorchScript
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADER = TorchScript()

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*TorchScript.*")


class Branches(nn.Module):
    """A network whose path depends on its input, with a constant and a number."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        self.slope = 0.2

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return y if bool(y.sum() > 0) else self.slope * y + torch.tensor([1.0, 2.0, 3.0])


def programs() -> dict[str, Any]:
    """A script and a trace."""
    net = Branches().eval()
    return {"script": torch.jit.script(net), "trace": torch.jit.trace(net.body, torch.randn(4, 2))}  # type: ignore[no-untyped-call]


@pytest.fixture(params=["script", "trace"])
def program(request: pytest.FixtureRequest) -> Any:
    """A script, or a trace."""
    return programs()[request.param]


def saved(program: Any) -> bytes:
    """What ``torch.jit.save`` writes."""
    buffer = io.BytesIO()
    torch.jit.save(program, buffer)
    return buffer.getvalue()


def test_a_program_is_described_and_run_on_request(write: Callable[..., Path], program: Any) -> None:
    path = write(saved(program))
    assert (LOADER.sniff(path), TorchStateDict().sniff(path), TorchModulePickle().sniff(path)) == (0.95, 0, 0)
    (part,) = LOADER.open(path)
    assert (part.path, part.kind, part.name, part.read_tensors) == (path, "torchscript", "", None)
    assert part.keys == {
        k: TensorSpec(tuple(t.shape), str(t.dtype).removeprefix("torch.")) for k, t in program.state_dict().items()
    }
    assert "--trust" in part.problems[0]
    assert part.read_module is not None
    found = part.read_module()
    for x in (torch.randn(5, 2), -torch.ones(5, 2)):
        torch.testing.assert_close(found(x), program(x), rtol=0, atol=0)


class Conditional(nn.Module):
    """Takes more than tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(2, 1)

    def forward(
        self,
        x: Tensor,
        labels: Optional[Tensor] = None,  # noqa: UP045
        size: Tuple[int, int] = (1, 2),  # noqa: UP006
        scale: float = 0.5,
    ) -> Tuple[Tensor, Tensor]:  # noqa: UP006
        y: Tensor = self.last(x) * scale
        return y if labels is None else y + labels, y


def test_the_signature_is_read(write: Callable[..., Path], program: Any) -> None:
    (part,) = LOADER.open(write(saved(program)))
    assert [(given.shape, given.dtype) for given in part.inputs] == [(None, "")]
    assert part.inputs[0].name in ("x", "input")
    for scripted in (torch.jit.script(Conditional()), torch.jit.freeze(torch.jit.script(Conditional().eval()))):
        (part,) = LOADER.open(write(saved(scripted)))
        assert part.inputs == (
            Input("x"),
            Input("labels", None, "Optional[Tensor]"),
            Input("size", None, "Tuple[int, int]"),
            Input("scale", None, "float"),
        )


def test_its_weights_are_read_without_running_it(write: Callable[..., Path]) -> None:
    """A frozen program keeps none under a name."""
    net = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval()
    (part,) = LOADER.open(write(saved(torch.jit.script(net))))
    assert part.read_weights is not None
    stored, expected = part.read_weights(), net.state_dict()
    assert stored.keys() == expected.keys()
    assert all(torch.equal(stored[key], expected[key]) for key in expected)
    (frozen,) = LOADER.open(write(saved(torch.jit.freeze(torch.jit.script(net)))))
    assert frozen.read_weights is None


@pytest.mark.parametrize("name", ["net.zip", "net", "net.ckpt"])
def test_the_name_of_the_file_says_nothing(write: Callable[..., Path], name: str) -> None:
    path = write(saved(torch.jit.script(nn.Linear(2, 1))), name)
    assert LOADER.sniff(path) == 0.95
    (part,) = LOADER.open(path)
    assert (part.runs_code, part.is_program, part.inputs) == (True, True, (Input("input"),))


def test_signatures_that_are_none(forge: Any) -> None:
    for code, names in {
        b"": [],
        b"\xff\xfe": [],
        b"class Net(Module):\n  pass": [],
        b"class Net(Module):\n  def forward(self: __torch__.Net) -> Tensor:": [],
        b"class Net(Module):\n  def forward(self: __torch__.Net,": [],
        b"class Net(Module):\n  def forward(self: __torch__.Net,\n    x: Tensor": [],
        b"class Net(Module):\n  def forward(self: __torch__.Net,\n    \x1b[2J: Tensor, y: \x1b) -> Tensor": [],
        b"class Net(Module):\n  def forward(self,\n" + b"    ((((x: Tensor" * 10**5: [],
        b"class Net(Module):\n  def forward(self,\n    x: Tensor" + b" " * 10**7 + b") -> Tensor": [],
        b"class Other(Module):\n  def forward(self, a: int) -> int:\n    pass\n"
        b"class Net(Module):\n  def forward(self, x: Tensor, n: int) -> int:\n": ["x", "n"],
    }.items():
        records = {"archive/constants.pkl": b"\x80\x02).", "archive/code/__torch__.py": code}
        root = b"\x80\x02c__torch__\nNet\n)\x81."
        (part,) = LOADER.open(forge.archive(root, records=records))
        assert [given.name for given in part.inputs] == names, code[:100]


def frozen(net: nn.Module) -> Any:
    """A script whose weights are constants of one precision."""
    return torch.jit.freeze(torch.jit.script(net.eval()))


@pytest.mark.parametrize("make", [torch.jit.script, frozen])
def test_float64_and_gradients(write: Callable[..., Path], make: Callable[..., Any]) -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).eval()
    (part,) = LOADER.open(write(saved(make(net))))
    assert part.read_module is not None
    program = part.read_module().requires_grad_(False)
    program = copy.deepcopy(program).double().eval()
    x = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    wanted = net.double()(x)
    found = program(x)
    near = 1e-12 if make is torch.jit.script else 1e-4
    torch.testing.assert_close(found, wanted, rtol=near, atol=near)
    torch.testing.assert_close(*(torch.autograd.grad(y.sum(), x)[0] for y in (found, wanted)), rtol=near, atol=near)
    with pytest.raises(RuntimeError):
        program(torch.randn(5, 3).double())


@pytest.mark.parametrize("content", [{"w": torch.ones(2)}, nn.Linear(1, 1)])
def test_other_torch_files_are_not_claimed(save: Callable[..., Path], content: object) -> None:
    for form in ("zip", "legacy"):
        path = save(content, form)
        assert LOADER.sniff(path) == 0
        with pytest.raises(CheckpointError, match=r"is not TorchScript; write it with torch\.jit\.save"):
            LOADER.open(path)


def test_a_file_cut_at_any_byte_is_not_claimed(write: Callable[..., Path]) -> None:
    content = saved(torch.jit.script(nn.Linear(1, 1)))
    for end in range(len(content)):
        path = write(content[:end])
        assert LOADER.sniff(path) == 0
        with pytest.raises(CheckpointError) as caught:
            LOADER.open(path)
        assert str(caught.value).isprintable()
    assert LOADER.sniff(write(content)) == 0.95


def test_harm_in_a_program_is_not_done(forge: Any, marker: Path) -> None:
    code = {"archive/constants.pkl": b"\x80\x02).", "archive/code/__torch__.py": b"import os\n"}
    for value in forge.harm(marker).values():
        path = forge.archive({"a": value}, records=code)
        assert LOADER.sniff(path) == 0.95
        assert LOADER.open(path)[0].keys == {}
        assert TorchModulePickle().sniff(path) == TorchStateDict().sniff(path) == 0
        assert not marker.exists()


def test_a_program_that_is_none_gives_one_line_when_it_is_run(forge: Any) -> None:
    path = forge.archive({}, records={"archive/constants.pkl": b"\x80\x02).", "archive/code/__torch__.py": b"what"})
    (part,) = LOADER.open(path)
    assert part.read_module is not None
    with pytest.raises(CheckpointError, match="damaged torch file") as caught:
        part.read_module()
    assert str(caught.value).isprintable()


def test_a_program_without_end_is_damaged(forge: Any) -> None:
    attributes: dict[str, object] = {}
    root = forge.call(nn.Identity, state=attributes)
    attributes["again"] = root
    path = forge.archive(root, records={"archive/constants.pkl": b"\x80\x02).", "archive/code/__torch__.py": b""})
    with pytest.raises(CheckpointError, match="without end"):
        LOADER.open(path)


def test_a_file_that_is_damaged_before_it_is_run(write: Callable[..., Path]) -> None:
    path = write(saved(torch.jit.script(nn.Linear(1, 1))))
    (part,) = LOADER.open(path)
    path.write_bytes(path.read_bytes()[:-100])
    assert part.read_module is not None
    with pytest.raises(CheckpointError, match="damaged torch file"):
        part.read_module()
    path.unlink()
    with pytest.raises(CheckpointError, match="damaged torch file"):
        part.read_module()
