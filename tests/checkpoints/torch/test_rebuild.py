"""Pickled networks rebuilt from classes that the user named: exact, closed to all else, and without leaving a trace."""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.checkpoints.conftest import forms
from torch import nn
from torch.nn import functional as F

from wganalyze.errors import CheckpointError, TrustError
from wganalyze_checkpoints.pickles.inert import Global, Inert
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch.rebuild import rebuild

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")

SOURCE = """
import argparse, enum, functools, pathlib
from dataclasses import dataclass
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

pathlib.Path({marker!r}).touch()

class Mode(enum.Enum):
    WIDE = "wide"

@dataclass(frozen=True)
class Settings:
    rate: float = 0.5

class Easy(dict):
    pass

class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layer = nn.utils.spectral_norm(nn.Linear(n, n))
        self.activation = functools.partial(F.leaky_relu, negative_slope=0.1)

    def forward(self, x):
        return self.activation(self.layer(x))

class Generator(nn.Module):
    class Inner(nn.Identity):
        pass

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(4), Block(4)])
        self.extra = [nn.Linear(4, 4), nn.BatchNorm1d(4)]
        self.normed = nn.utils.weight_norm(nn.Linear(4, 4))
        self.inner = self.Inner()
        self.softplus, self.tanh, self.relu = F.softplus, torch.tanh, F.relu
        self.norm = nn.BatchNorm1d
        self.scale, self.filter = np.sqrt(np.float64(2)), np.arange(8, dtype=np.float32).reshape(2, 4).T
        self.names, self.options = {{"a", "b"}}, argparse.Namespace(lr=1e-4, betas=(0.5, 0.9))
        self.mode, self.settings, self.easy = Mode.WIDE, Settings(), Easy(width=4)
        self.device, self.dtype, self.path = torch.device("cuda", 0), torch.float32, pathlib.Path("runs/a")
        self.register_buffer("offset", torch.arange(4.0))
        self.tied = nn.Linear(4, 4)
        self.tied.weight = self.normed.weight_v
        self.again = self.blocks

    def forward(self, x):
        for block in self.again:
            x = block(x)
        x = self.extra[0](self.inner(x))
        x = self.tanh(self.softplus(self.relu(self.normed(x)))) * float(self.scale)
        return self.tied(x) + self.offset + torch.from_numpy(self.filter).sum(1) + self.easy["width"]
"""
NAMES = [f"strange_nets:{name}" for name in ("Generator", "Block", "Mode", "Settings", "Easy", "Generator.Inner")]


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Written when the module of the classes is imported."""
    return tmp_path / "imported"


@pytest.fixture
def strange_nets(tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of somebody's classes; the test forgets it before it reads."""
    (tmp_path / "strange_nets.py").write_text(SOURCE.format(marker=str(marker)))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield __import__("strange_nets")
    sys.modules.pop("strange_nets", None)


def forget(marker: Path) -> None:
    """As a new process would find it."""
    sys.modules.pop("strange_nets", None)
    marker.unlink(missing_ok=True)


def read(path: Path, allowed: list[str], inside: str = "") -> Any:
    """The object, or the entry ``inside`` of the dict, that the file holds."""
    file = torch_file.read(path)
    assert file is not None
    root: Any = file.root[inside] if inside and isinstance(file.root, dict) else file.root
    return rebuild(file, root, allowed)


def refusal(path: Path, allowed: list[str], inside: str = "") -> str:
    """The one line of the refusal."""
    with pytest.raises(TrustError) as caught:
        read(path, allowed, inside)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    return message


@forms
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_network_of_named_classes_is_what_it_was(
    save: Callable[..., Path], strange_nets: Any, marker: Path, form: str, protocol: int
) -> None:
    net = strange_nets.Generator().eval()
    x = torch.randn(5, 4)
    expected = net(x)
    path = save({"G": net, "epoch": 3}, form, protocol=protocol)
    forget(marker)
    found = read(path, NAMES, "G").eval()
    assert marker.exists()
    torch.testing.assert_close(found(x), expected, rtol=0, atol=0)
    state = net.state_dict()
    assert list(found.state_dict()) == list(state)
    assert all(torch.equal(tensor, state[key]) for key, tensor in found.state_dict().items())
    assert {k for k, _ in found.named_parameters()} == {k for k, _ in net.named_parameters()}
    assert found.tied.weight is found.normed.weight_v
    assert found.again is found.blocks
    assert (found.names, found.options, found.easy) == (net.names, net.options, {"width": 4})
    assert (found.norm, found.dtype, found.device) == (nn.BatchNorm1d, torch.float32, torch.device("cpu"))
    assert (found.scale, str(found.path)) == (net.scale, "runs/a")
    np.testing.assert_array_equal(found.filter, net.filter)
    assert type(found.mode).__name__ == "Mode"
    assert found.mode is type(found.mode).WIDE
    assert found.settings == type(found.settings)(0.5)


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.InstanceNorm2d(2), nn.LeakyReLU(0.2), nn.Flatten()),
        nn.Sequential(nn.utils.spectral_norm(nn.Conv2d(1, 2, 3)), nn.AvgPool2d(2)),
        nn.ModuleList([nn.ConvTranspose2d(1, 1, 2), nn.PReLU()]),
    ],
)
@forms
def test_layers_of_torch_need_no_name(save: Callable[..., Path], net: nn.Module, form: str) -> None:
    net = net.eval()
    found = read(save(net, form), [])
    x = torch.randn(3, 1, 8, 8)
    for ours, theirs in zip(found, net, strict=True) if isinstance(net, nn.ModuleList) else [(found, net)]:
        torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)


@pytest.mark.parametrize("colon", [True, False])
def test_names_are_given_with_a_colon_or_a_dot(
    save: Callable[..., Path], strange_nets: Any, marker: Path, colon: bool
) -> None:
    path = save(strange_nets.Generator())
    forget(marker)
    assert read(path, NAMES if colon else [name.replace(":", ".") for name in NAMES])


def test_what_is_missing_is_said_as_options_and_nothing_is_imported(
    save: Callable[..., Path], strange_nets: Any, marker: Path
) -> None:
    path = save(strange_nets.Generator())
    forget(marker)
    message = refusal(path, NAMES[:1])
    options = message.rpartition("add ")[2].split()
    assert options[::2] == ["--allow"] * 5
    assert "strange_nets.Block" in message
    assert not marker.exists()
    assert read(path, [*NAMES[:1], *options[1::2]])
    forget(marker)
    refusal(path, ["other:Generator", "Generator", "strange_nets", ""])
    assert not marker.exists()


def test_a_class_of_a_script_is_named_by_the_module_that_has_it(
    save: Callable[..., Path], strange_nets: Any, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = strange_nets.Block(3).eval()
    monkeypatch.setattr(strange_nets.Block, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "Block", strange_nets.Block, raising=False)
    path = save(net)
    forget(marker)
    message = refusal(path, [])
    assert "asks for __main__.Block" in message
    assert "--allow MODULE:Block (MODULE: the script that defined it)" in message
    x = torch.randn(2, 3)
    torch.testing.assert_close(read(path, ["strange_nets:Block"]).eval()(x), net(x))


def test_a_class_that_cannot_be_imported(save: Callable[..., Path], strange_nets: Any, marker: Path) -> None:
    path = save(strange_nets.Block(3))
    source = marker.with_name("strange_nets.py")
    for text, reason in {
        "import a_library_that_is_not_there": "No module named 'a_library_that_is_not_there'",
        "1 / 0": "ZeroDivisionError",
        "class Other: pass": "has no attribute 'Block'",
        "class :": "SyntaxError",
    }.items():
        forget(marker)
        source.write_text(text)
        source.with_name("__pycache__").exists() and [f.unlink() for f in source.with_name("__pycache__").iterdir()]
        message = refusal(path, ["strange_nets:Block"])
        assert f"--allow strange_nets:Block: cannot be imported ({reason}" in message or reason in message
        assert "PYTHONPATH" in message
    forget(marker)
    source.unlink()
    assert "PYTHONPATH" in refusal(path, ["strange_nets:Block"])


def test_harm_beside_an_allowed_class_is_refused_whatever_is_allowed(
    forge: Any, strange_nets: Any, marker: Path, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    allow = [
        *NAMES,
        "posix:system",
        "os:system",
        "builtins:eval",
        "builtins.exec",
        "subprocess:call",
        "builtins:getattr",
    ]
    for name, value in forge.harm(done).items():
        tables = {"_parameters": {}, "_buffers": {}, "_modules": {}, "x": value, "training": False}
        for content in (forge.call(strange_nets.Block, 3, state=tables), {"net": value}, [value]):
            message = refusal(forge.archive(content), allow)
            assert "which no --allow admits" in message or "--allow tests" in message or "conftest" in message, name
        assert not done.exists()


def inert(name: str, *arguments: object, state: object = None, called: bool = True) -> Inert:
    """An object as the inert reader leaves it."""
    return Inert(name, arguments, state, called=called)


def build(forge: Any, root: object, allowed: list[str]) -> Any:
    """``root`` as if a file held it."""
    file = torch_file.read(forge.archive({"a": 1}))
    assert file is not None
    return rebuild(file, root, allowed)


def test_a_function_is_never_admitted(forge: Any, strange_nets: Any, marker: Path) -> None:
    source = marker.with_name("strange_nets.py")
    source.write_text(
        f"import os, subprocess\nfrom subprocess import Popen\ndef build(*a): os.mkdir({str(marker)!r})\n"
    )
    forget(marker)
    for name, reason in {
        "strange_nets.build": "a function, and only classes are admitted",
        "strange_nets.os": "a module, and only classes",
        "strange_nets.Popen": "a class of Python's own library, subprocess.Popen",
        "strange_nets.subprocess.Popen": "a class of Python's own library",
    }.items():
        with pytest.raises(TrustError, match=reason):
            build(forge, inert(name, "touch x"), [name])
    assert not marker.exists()


def test_constructors_are_called_of_networks_and_enumerations_only(forge: Any, strange_nets: Any) -> None:
    assert isinstance(build(forge, inert("strange_nets.Block", 3), NAMES), nn.Module)
    assert build(forge, inert("strange_nets.Mode", "wide"), NAMES).name == "WIDE"
    for root in (inert("strange_nets.Settings", 2.0), inert("torch.nn.modules.linear.Linear", 10**9, 10**9)):
        with pytest.raises(TrustError, match="made by a call"):
            build(forge, root, NAMES)
    with pytest.raises(CheckpointError, match=r"do not fit the classes .*ValueError: 'narrow' is not a valid Mode"):
        build(forge, inert("strange_nets.Mode", "narrow"), NAMES)


@pytest.mark.parametrize(
    "name",
    ["torch.load", "torch.save", "torch.nn.functional.importlib", "torch.nn.functional.torch", "torch.from_file"],
)
def test_torch_gives_functions_of_tensors_and_no_others(forge: Any, name: str) -> None:
    with pytest.raises(TrustError, match="no --allow admits"):
        build(forge, {"f": Global(name)}, [name])
    with pytest.raises(TrustError, match="no --allow admits"):
        build(forge, [Global(f"torch._C._VariableFunctionsClass.{name.rpartition('.')[2]}")], [])


def test_functions_are_values_and_never_called(forge: Any) -> None:
    assert build(forge, [Global("torch.nn.functional.leaky_relu")], []) == [F.leaky_relu]
    assert build(forge, [Global("torch.nn.functional.max_pool2d")], []) == [F.max_pool2d]
    with pytest.raises(TrustError, match=r"a call of torch.nn.functional.one_hot"):
        build(forge, inert("torch.nn.functional.one_hot", 5, 10**9), [])
    partial = build(forge, inert("functools.partial", state=(Global("torch.nn.functional.relu"), (), {}, {})), [])
    assert isinstance(partial, functools.partial)
    with pytest.raises(TrustError, match=r"functools.partial of something else"):
        build(forge, inert("functools.partial", state=("x", (), {}, {})), [])


@pytest.mark.parametrize(
    "name", ["nets.G; rm -rf ~", "nets.$(id)", "nets.G\x1b[2J", "nets", "nets." + "n" * 200, "nets..G"]
)
def test_no_option_is_shown_that_would_be_more_than_a_name(forge: Any, name: str) -> None:
    with pytest.raises(TrustError, match="which no --allow admits") as caught:
        build(forge, inert(name), [name])
    assert str(caught.value).isprintable()


def test_a_thousand_names_are_one_line(forge: Any) -> None:
    with pytest.raises(TrustError, match="and 980 more") as caught:
        build(forge, [inert(f"nets.N{i}") for i in range(1000)], [])
    assert str(caught.value).count("--allow") == 20


def test_content_without_end_is_refused(forge: Any) -> None:
    nest: object = ()
    for _ in range(5000):
        nest = [nest]
    with pytest.raises(CheckpointError, match="nested without end"):
        build(forge, nest, [])
    loop: tuple[Any, ...] = ([],)
    loop[0].append(loop)
    assert build(forge, loop, [])
    enum = inert("strange.Mode")
    enum.arguments = (enum,)
    with pytest.raises(TrustError, match=r"asks for strange.Mode"):
        build(forge, enum, [])


def test_a_nest_that_doubles_at_each_level_is_built_once(forge: Any) -> None:
    nest: Any = ()
    for _ in range(100):
        nest = (nest, [nest])
    found = build(forge, nest, [])
    assert found[0] is found[1][0]
    for root in (inert("builtins.set", [nest]), {inert("tuple", nest): 1}):
        with pytest.raises(TrustError):
            build(forge, root, [])


def test_a_sparse_tensor_is_refused_by_name(save: Callable[..., Path]) -> None:
    net = nn.Identity()
    net.adjacency = torch.eye(3).to_sparse()
    assert "torch._utils._rebuild_sparse_tensor" in refusal(save(net), [])


def test_nothing_stays_admitted(save: Callable[..., Path], strange_nets: Any, marker: Path) -> None:
    before = torch.serialization.get_safe_globals()
    path = save(strange_nets.Block(3))
    read(path, NAMES)
    assert torch.serialization.get_safe_globals() == before
    refusal(path, [])
    assert os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD") is None
    buffer = io.BytesIO(path.read_bytes())
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(buffer, weights_only=True)
