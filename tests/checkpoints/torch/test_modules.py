"""Whole networks as the inert reader sees them have the keys of their own state dicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from wganalyze.contracts.loader import TensorSpec
from wganalyze_checkpoints.pickles.inert import DamagedPickle, Inert
from wganalyze_checkpoints.pickles.tensors import Storage, StoredTensor
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch.modules import (
    PERSISTENT,
    class_of,
    is_module,
    module_keys,
    module_names,
    modules_of,
    script_keys,
)

TENSOR = StoredTensor(Storage("0", "float32", 1), TensorSpec((1,), "float32"), 0, (1,))


class Buffers(nn.Module):
    """A network with buffers that are saved and buffers that are not, and a parameter that is absent."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("passing", torch.ones(3), persistent=False)
        self.register_parameter("absent", None)
        self.layers = nn.ModuleList([nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2)])
        self.scales = nn.ParameterDict({"a": nn.Parameter(torch.ones(1))})
        self.plain = torch.ones(7)


def tied() -> nn.Module:
    """Two layers with one weight."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    return net


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(2, 3),
    "chain": lambda: nn.Sequential(nn.ConvTranspose2d(3, 4, 3), nn.BatchNorm2d(4), nn.Tanh()),
    "nested": lambda: nn.ModuleDict({"generator": nn.Sequential(nn.Linear(1, 1)), "critic": nn.Linear(1, 1)}),
    "parallel": lambda: nn.DataParallel(nn.Linear(2, 3)),
    "buffers": Buffers,
    "tied": tied,
    "spectral norm": lambda: nn.utils.spectral_norm(nn.Linear(2, 3)),
    "empty": nn.ReLU,
}

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


def root(path: Path) -> Any:
    """What the file holds."""
    file = torch_file.read(path)
    assert file is not None
    return file.root


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("form", ["zip", "legacy"])
@pytest.mark.parametrize("name", NETWORKS)
def test_keys_are_those_of_the_state_dict(save: Callable[..., Path], name: str, form: str, protocol: int) -> None:
    net = NETWORKS[name]()
    found = root(save(net, form, protocol=protocol))
    assert is_module(found)
    keys = {k: (t.spec.shape, f"torch.{t.spec.dtype}") for k, t in module_keys(found).items()}
    assert keys == {k: (tuple(t.shape), str(t.dtype)) for k, t in net.state_dict().items()}


@pytest.mark.parametrize("name", ["linear", "chain", "buffers"])
def test_keys_of_a_script_are_those_of_its_state_dict(tmp_path: Path, name: str) -> None:
    net = NETWORKS[name]()
    if isinstance(net, Buffers):
        del net.scales
        del net.plain
    jit: Any = torch.jit
    path = tmp_path / "script.pt"
    jit.save(jit.trace_module(net, {}) if isinstance(net, Buffers) else jit.script(net), path)
    keys = {k: t.spec.shape for k, t in script_keys(root(path)).items()}
    assert keys == {k: tuple(t.shape) for k, t in jit.load(path).state_dict().items()}


def test_networks_are_found_as_the_file_or_in_its_dict(save: Callable[..., Path]) -> None:
    assert list(modules_of(root(save(nn.Linear(1, 1))))) == [""]
    content = {
        "g": nn.Linear(1, 1),
        "epoch": 3,
        "d": nn.ReLU(),
        "opt": {"x": nn.ReLU()},
        "\x07": nn.ReLU(),
        5: nn.ReLU(),
    }
    found = root(save(content))
    assert list(modules_of(found)) == ["g", "d"]
    assert module_names(found) == [
        "g (torch.nn.modules.linear.Linear)",
        "d (torch.nn.modules.activation.ReLU)",
    ]
    assert module_names(root(save(nn.Linear(1, 1)))) == ["the file (torch.nn.modules.linear.Linear)"]


@pytest.mark.parametrize("content", [{}, [nn.ReLU()], {"w": torch.ones(1)}, torch.nn.Parameter(torch.ones(1)), "x"])
def test_other_content_is_no_network(save: Callable[..., Path], content: object) -> None:
    assert modules_of(root(save(content))) == {}


def module(**tables: object) -> Inert:
    """A network by its tables."""
    empty: dict[object, object] = {"_parameters": {}, "_buffers": {}, "_modules": {}}
    return Inert("Net", attributes=empty | tables)


def test_tables_that_are_no_tables_hold_nothing() -> None:
    assert module_keys(module(_parameters=[TENSOR], _buffers=None, _modules=5)) == {}
    assert module_keys(module(_parameters={"w": TENSOR, "x": 5}, _modules={"n": None, "m": {}})) == {"w": TENSOR}
    assert script_keys("text") == {}


def test_a_network_in_itself_has_no_end() -> None:
    net = module(_parameters={"w": TENSOR})
    net.attributes["_modules"] = {"again": net}
    script = Inert("__torch__.Net", attributes={"w": TENSOR})
    script.attributes["again"] = script
    with pytest.raises(DamagedPickle, match="without end"):
        module_keys(net)
    with pytest.raises(DamagedPickle, match="without end"):
        script_keys(script)


def test_networks_that_share_their_content_are_walked_through_for_a_while_only() -> None:
    leaf = module(_parameters={f"w{i}": TENSOR for i in range(2000)})
    with pytest.raises(DamagedPickle, match="without end"):
        module_keys(module(_modules={f"m{i}": leaf for i in range(2000)}))
    hidden = Inert("builtins.set", items=[f"b{i}" for i in range(2000)])
    leaf = module(_buffers={"b0": TENSOR}, _non_persistent_buffers_set=hidden)
    with pytest.raises(DamagedPickle, match="without end"):
        module_keys(module(_modules={f"m{i}": leaf for i in range(2000)}))


def persistent(state: object, name: object = "Generator") -> Inert:
    """A network as NVIDIA's code pickles it."""
    return Inert(PERSISTENT, ({"module_src": "x = 1", "class_name": name, "state": state},))


def test_networks_in_the_form_of_nvidia_are_networks() -> None:
    layer = persistent({"_parameters": {"w": TENSOR}, "_buffers": {"b": TENSOR}, "_modules": {}}, "Layer")
    tables: dict[object, object] = {"_parameters": {}, "_buffers": {}, "_modules": {"fc": layer, "act": module()}}
    for state in (tables, Inert("dnnlib.util.EasyDict", entries=tables)):
        net = persistent(state)
        assert is_module(net)
        assert (class_of(net), class_of(module())) == ("Generator", "Net")
        assert list(module_keys(net)) == ["fc.w", "fc.b"]
        assert module_names({"G": net}) == ["G (Generator)"]
    for other in (Inert(PERSISTENT), Inert(PERSISTENT, ()), Inert(PERSISTENT, (5,)), persistent(None), persistent([])):
        assert not is_module(other)
    assert class_of(persistent(tables, ())) == "?"
    tables["_modules"] = {"again": persistent(tables)}
    with pytest.raises(DamagedPickle, match="without end"):
        module_keys(persistent(tables))


@pytest.mark.parametrize("key", ["a\x1b[2J", "k" * 1001, 5])
def test_a_key_that_is_no_name(key: object) -> None:
    for net in (module(_parameters={key: TENSOR}), module(_modules={key: module()})):
        with pytest.raises(DamagedPickle, match="no name"):
            module_keys(net)


def test_a_key_that_grows_at_every_level() -> None:
    net = module(_parameters={"w": TENSOR})
    for _ in range(20):
        net = module(_modules={"m" * 100: net})
    with pytest.raises(DamagedPickle, match="no name"):
        module_keys(net)
