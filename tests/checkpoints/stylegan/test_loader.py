"""Network pickles in NVIDIA's form: described without running anything, run with trust where their code is there.

The packages ``torch_utils`` and ``dnnlib`` that the tests write pickles with are imitations of NVIDIA's mechanism under
its names: an object is pickled as a call that executes the source text of its class.
"""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.checkpoints.conftest import run

from wganalyze.contracts.loader import Input, Part
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.stylegan.loader import StyleganPickle
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch.module_pickle import TorchModulePickle
from wganalyze_checkpoints.torch.script import TorchScript
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADER = StyleganPickle()

FILES = {
    "dnnlib/__init__.py": "from .util import EasyDict\n",
    "dnnlib/util.py": """
class EasyDict(dict):
    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name)
    def __setattr__(self, name, value):
        self[name] = value
""",
    "dnnlib/tflib/__init__.py": "",
    "dnnlib/tflib/network.py": """
class Network:
    def __init__(self, name, variables, components=None, **static_kwargs):
        self.state = dict(version=4, name=name, static_kwargs=static_kwargs, components=components or {},
            build_module_src="raise SystemExit", build_func_name=name + "_main", variables=variables)
    def __getstate__(self):
        return self.state
    def __setstate__(self, state):
        self.state = state
""",
    "torch_utils/__init__.py": "",
    "torch_utils/persistence.py": """
import inspect, sys, types
import dnnlib

_sources = {}

def persistent_class(kind):
    source = _sources.get(kind.__module__) or inspect.getsource(sys.modules[kind.__module__])

    class Persistent(kind):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self._init_args, self._init_kwargs = args, dnnlib.EasyDict(kwargs)

        def __reduce__(self):
            state = super().__reduce__()[2]
            meta = dict(type="class", version=6, module_src=source, class_name=kind.__name__, state=state)
            return _reconstruct_persistent_obj, (meta,)

    Persistent.__name__ = kind.__name__
    return Persistent

def _reconstruct_persistent_obj(meta):
    name = f"_imported_{abs(hash(meta['module_src']))}"
    if name not in sys.modules:
        sys.modules[name] = module = types.ModuleType(name)
        _sources[name] = meta["module_src"]
        exec(meta["module_src"], module.__dict__)
    kind = sys.modules[name].__dict__[meta["class_name"]]
    made = kind.__new__(kind)
    made.__dict__.update(meta["state"])
    return made
""",
    "tiny_nets.py": """
import pathlib, torch
from torch_utils import persistence

pathlib.Path(MARKER).touch()

@persistence.persistent_class
class Layer(torch.nn.Module):
    def __init__(self, n, m):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(m, n))
        self.register_buffer("gain", torch.tensor(n ** -0.5))

    def forward(self, x):
        assert x.shape[1] == self.weight.shape[1]
        return x.float() @ (self.weight * self.gain).t()

@persistence.persistent_class
class MinibatchStdLayer(torch.nn.Module):
    def __init__(self, group_size):
        super().__init__()
        self.group_size = group_size

    def forward(self, x):
        groups = x.reshape(min(self.group_size, len(x)), -1, *x.shape[1:])
        spread = groups.var(0, unbiased=False).mean(1)
        return torch.cat([x, spread.repeat(len(groups))[:, None]], 1)

@persistence.persistent_class
class Generator(torch.nn.Module):
    def __init__(self, z_dim, c_dim, w_dim, img_resolution, img_channels, mapping_kwargs={}):
        super().__init__()
        self.z_dim, self.c_dim, self.shape = z_dim, c_dim, (img_channels, img_resolution, img_resolution)
        self.mapping = Layer(z_dim + c_dim, w_dim)
        self.synthesis = Layer(w_dim, img_channels * img_resolution ** 2)

    def forward(self, z, c, truncation_psi=1, **synthesis_kwargs):
        assert synthesis_kwargs == {"force_fp32": True} and z.dtype == torch.float32
        x = self.mapping(torch.cat([z, c], 1))
        return torch.tanh(self.synthesis(x)).reshape(-1, *self.shape)

@persistence.persistent_class
class Discriminator(torch.nn.Module):
    def __init__(self, c_dim, img_resolution, img_channels):
        super().__init__()
        self.c_dim = c_dim
        self.block = Layer(img_channels * img_resolution ** 2, max(c_dim, 1))
        self.mbstd = MinibatchStdLayer(group_size=4)

    def forward(self, img, c):
        x = self.block(img.flatten(1))
        score = (x * c).sum(1, keepdim=True) if self.c_dim else x
        return self.mbstd(score).sum(1, keepdim=True)
""",
}
MODULES = ("dnnlib", "torch_utils", "tiny_nets", "_imported_")


def forget() -> None:
    """As a new process would find it."""
    for name in [name for name in sys.modules if name.startswith(MODULES)]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def nvidia(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the packages; ``ran`` in it is written when the source of the networks is executed."""
    folder = tmp_path_factory.mktemp("nvidia")
    for name, source in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source.replace("MARKER", repr(str(folder / "ran"))))
    return folder


@pytest.fixture
def there(nvidia: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The packages can be imported, for this test."""
    monkeypatch.syspath_prepend(str(nvidia))
    yield nvidia
    forget()


def networks(classes: int) -> dict[str, Any]:
    """What a training run would save."""
    nets, dnnlib = __import__("tiny_nets"), __import__("dnnlib")
    sizes = {"c_dim": classes, "img_resolution": 4, "img_channels": 3}
    g = nets.Generator(z_dim=5, w_dim=6, mapping_kwargs={"num_layers": 2}, **sizes)
    average = copy.deepcopy(g)
    torch.nn.init.ones_(average.mapping.weight)
    data = dnnlib.EasyDict(path="/data/faces.zip", use_labels=classes > 0, resolution=4)
    networks = {"G": g, "D": nets.Discriminator(**sizes), "G_ema": average, "augment_pipe": nets.Layer(1, 1)}
    return {"training_set_kwargs": data, **networks}


@pytest.fixture
def saved(there: Path, write: Callable[..., Path]) -> Callable[..., tuple[Path, dict[str, Any]]]:
    """A file of networks with so many classes, and what is in it; nothing of it is imported afterwards."""

    def saved(classes: int = 0, protocol: int = 4) -> tuple[Path, dict[str, Any]]:
        content = networks(classes)
        path = write(pickle.dumps(content, protocol), "network-snapshot-000100.pkl")
        forget()
        (there / "ran").unlink(missing_ok=True)
        return path, content

    return saved


def opened(path: Path) -> dict[str, Part]:
    """The parts by name; no other loader claims the file."""
    sniffed = [loader.sniff(path) for loader in (LOADER, TorchStateDict(), TorchModulePickle(), TorchScript())]
    assert sniffed == [0.95, 0, 0, 0]
    return {part.name: part for part in LOADER.open(path)}


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("classes", [0, 7])
def test_networks_are_described_without_running_their_source(
    saved: Callable[..., Any], nvidia: Path, classes: int, protocol: int
) -> None:
    path, content = saved(classes, protocol)
    parts = opened(path)
    assert {name: part.role for name, part in parts.items()} == {"G": "generator", "D": "critic", "G_ema": "generator"}
    for name, part in parts.items():
        state = content[name].state_dict()
        assert {k: (s.shape, f"torch.{s.dtype}") for k, s in part.keys.items()} == {
            k: (tuple(t.shape), str(t.dtype)) for k, t in state.items()
        }
        assert (part.kind, part.read_tensors, part.read_allowed, part.runs_code) == (LOADER.name, None, None, True)
        assert "torch_utils.persistence._reconstruct_persistent_obj" in part.asks_for
        (problem,) = part.problems
        lines = len(FILES["tiny_nets.py"].splitlines())
        assert f"{lines} lines, class {part.facts['class']}" in problem
        assert "--trust" in problem
    facts = parts["G"].facts
    expected = {"class": "Generator", "z_dim": 5, "c_dim": classes, "w_dim": 6, "img_resolution": 4, "img_channels": 3}
    assert expected.items() <= facts.items()
    assert facts["mapping_kwargs.num_layers"] == 2
    assert facts["training_set_kwargs.path"] == "/data/faces.zip"
    assert facts["training_set_kwargs.use_labels"] is (classes > 0)
    labels = (Input("c", (None, 7), "float32"),) if classes else ()
    assert parts["G_ema"].inputs == (Input("z", (None, 5), "float32"), *labels)
    assert parts["D"].inputs == (Input("img", (None, 3, 4, 4), "float32"), *labels)
    assert "module_src.Discriminator" in parts["D"].asks_for
    assert not (nvidia / "ran").exists()
    assert not [name for name in sys.modules if name.startswith(MODULES)]


@pytest.mark.parametrize("classes", [0, 7])
def test_networks_run_where_their_code_is_there(saved: Callable[..., Any], nvidia: Path, classes: int) -> None:
    path, content = saved(classes)
    parts = opened(path)
    generator, critic = run(parts["G_ema"]).eval(), run(parts["D"]).eval()
    assert (nvidia / "ran").exists()
    z, index = torch.randn(8, 5), torch.arange(8) % 7 if classes else None
    c = torch.zeros(8, 0) if index is None else torch.nn.functional.one_hot(index, 7).float()
    images = generator(z) if index is None else generator(z, index)
    expected = content["G_ema"](z, c, force_fp32=True)
    torch.testing.assert_close(images, expected, rtol=0, atol=0)
    if index is not None:
        torch.testing.assert_close(generator(z, c), images, rtol=0, atol=0)
    torch.testing.assert_close(generator(z[:, :, None, None], index), images, rtol=0, atol=0)
    assert not torch.equal(content["G"](z, c, force_fp32=True), images)
    x = images.detach().double().requires_grad_()
    scores = critic.double()(x, *([] if index is None else [c.double()]))
    assert (scores.shape, scores.dtype) == ((8, 1), torch.float64)
    torch.testing.assert_close(scores.float(), content["D"](images, c), rtol=0, atol=0)
    (slope,) = torch.autograd.grad(scores.sum(), x)
    assert slope.shape == x.shape
    assert slope.norm() > 0
    again = copy.deepcopy(critic)
    torch.testing.assert_close(again(x, index), scores, rtol=0, atol=0)


def test_a_number_of_images_that_is_no_multiple_of_the_group(saved: Callable[..., Any]) -> None:
    critic = run(opened(saved()[0])["D"])
    x = torch.randn(6, 3, 4, 4)
    filled = torch.cat([x, x[:2]])
    torch.testing.assert_close(critic(x), critic(filled)[:6], rtol=0, atol=0)
    for n in (1, 2, 3, 4, 5):
        assert critic(x[:n]).shape == (n, 1)


def test_labels_are_given_where_there_are_classes_and_only_there(saved: Callable[..., Any]) -> None:
    plain, labelled = run(opened(saved(0)[0])["G"]), run(opened(saved(7)[0])["G"])
    with pytest.raises(TypeError, match="takes no labels"):
        plain(torch.randn(2, 5), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="of 7 classes needs labels"):
        labelled(torch.randn(2, 5))
    with pytest.raises(ValueError, match=r"does not take \(2, 4\)"):
        plain(torch.randn(2, 4))


SCRIPT = """
import json, sys, torch
from pathlib import Path
from wganalyze_checkpoints.stylegan.loader import StyleganPickle
parts = {part.name: part for part in StyleganPickle().open(Path(sys.argv[1]))}
images = parts["G_ema"].read_module()(torch.ones(4, 5))
scores = parts["D"].read_module().double()(images.double())
print(json.dumps([list(images.shape), scores.flatten().tolist()]))
"""


def test_a_new_process_samples_and_scores(saved: Callable[..., Any], nvidia: Path) -> None:
    path, content = saved()
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)], env={"PYTHONPATH": str(nvidia)}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    shape, scores = json.loads(ran.stdout)
    c = torch.zeros(4, 0)
    assert shape == [4, 3, 4, 4]
    expected = content["D"](content["G_ema"](torch.ones(4, 5), c, force_fp32=True), c)
    torch.testing.assert_close(torch.tensor(scores), expected.flatten())


def test_code_that_is_not_there_is_asked_for(
    saved: Callable[..., Any], nvidia: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = opened(saved()[0])["G"]
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(nvidia)])
    with pytest.raises(CheckpointError, match=r"needs NVIDIA's torch_utils and dnnlib.*PYTHONPATH") as caught:
        run(part)
    assert str(caught.value).startswith(f"{part.path}: ")
    assert not (nvidia / "ran").exists()


@pytest.mark.parametrize(("source", "reason"), [("1 / 0", "ZeroDivisionError"), ("import no_such", "No module named")])
def test_source_that_fails_gives_one_line(there: Path, write: Callable[..., Path], source: str, reason: str) -> None:
    persistence = __import__("torch_utils.persistence").persistence
    tables = {"_parameters": {}, "_buffers": {}, "_modules": {}}
    meta = {"module_src": source, "class_name": "G", "state": tables}
    path = write(pickle.dumps({"G": Reduced(persistence._reconstruct_persistent_obj, (meta,))}))
    with pytest.raises(CheckpointError, match=reason) as caught:
        run(opened(path)["G"])
    assert str(caught.value).isprintable()


class Reduced:
    """Pickled as a call."""

    def __init__(self, function: Any, arguments: tuple[Any, ...]) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def test_one_network_by_itself_has_the_role_of_its_class(there: Path, write: Callable[..., Path]) -> None:
    path = write(pickle.dumps(networks(0)["D"]))
    part = opened(path)[""]
    assert part.role == "critic"
    assert run(part)(torch.randn(4, 3, 4, 4)).shape == (4, 1)


def test_networks_of_torch_save_are_left_to_the_loader_of_whole_networks(
    there: Path, save: Callable[..., Path]
) -> None:
    content = networks(0)
    path = save({k: content[k] for k in ("G", "D")})
    assert (LOADER.sniff(path), TorchModulePickle().sniff(path), TorchStateDict().sniff(path)) == (0, 0.9, 0)
    parts = {part.name: part for part in TorchModulePickle().open(path)}
    assert list(parts["G"].keys) == list(content["G"].state_dict())


def test_a_large_file_takes_no_memory(there: Path, write: Callable[..., Path]) -> None:
    nets = __import__("tiny_nets")
    path = write(pickle.dumps({"G": nets.Layer(2000, 5000), "D": nets.Layer(2000, 5000)}))
    assert path.stat().st_size > 2 * torch_file.MAX_PICKLE
    tracemalloc.start()
    try:
        assert [part.parameters for part in LOADER.open(path)] == [10_000_001] * 2
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


# TensorFlow


def tensorflow(protocol: int = 4) -> bytes:
    """A pickle in the form of StyleGAN and StyleGAN2."""
    network = __import__("dnnlib.tflib.network").tflib.network.Network
    kernel = np.ones((3, 3, 8, 4), np.float32)
    mapping = network("G_mapping", [("Dense0/weight", np.ones((5, 6), np.float32)), ("lod", np.float32(0))])
    g = network("G", [("4x4/Conv/weight", kernel)], {"mapping": mapping}, resolution=4, num_channels=3)
    d = network("D", [("Output/weight", np.ones((8, 1), np.float16))], resolution=4)
    return pickle.dumps((g, d, g), protocol)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_tensorflow_networks_are_described_and_not_run(there: Path, write: Callable[..., Path], protocol: int) -> None:
    path = write(tensorflow(protocol), "stylegan2-ffhq.pkl")
    forget()
    parts = opened(path)
    assert {name: part.role for name, part in parts.items()} == {"G": "generator", "D": "critic", "G_ema": "generator"}
    assert {k: (s.shape, s.dtype) for k, s in parts["G"].keys.items()} == {
        "4x4/Conv/weight": ((3, 3, 8, 4), "float32"),
        "mapping/Dense0/weight": ((5, 6), "float32"),
    }
    assert parts["D"].keys["Output/weight"].dtype == "float16"
    assert parts["G"].facts == {"class": "G_main", "resolution": 4, "num_channels": 3}
    for part in parts.values():
        assert not part.runs_code
        assert "legacy.py" in part.problems[0]
        with pytest.raises(CheckpointError, match=r"TensorFlow network, which is not run; convert.*legacy\.py"):
            run(part)
    assert not [name for name in sys.modules if name.startswith("dnnlib")]


# Damage and harm


@pytest.mark.parametrize("make", ["torch", "tensorflow"])
def test_a_file_cut_anywhere_is_refused_in_one_line(there: Path, write: Callable[..., Path], make: str) -> None:
    content = tensorflow() if make == "tensorflow" else pickle.dumps(networks(0))
    for end in {*range(0, len(content), len(content) // 20), *range(len(content) - 5, len(content))}:
        path = write(content[:end])
        assert LOADER.sniff(path) in (0, 0.95)
        with pytest.raises(CheckpointError) as caught:
            LOADER.open(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert str(caught.value).isprintable()
    assert len(opened(write(content))) == 3


def meta(**changes: object) -> dict[str, object]:
    """What a network is pickled with."""
    tables: dict[str, object] = {"_parameters": {}, "_buffers": {}, "_modules": {}}
    return {"module_src": "x = 1", "class_name": "G", "state": tables, **changes}


def persistent(content: object) -> bytes:
    """A pickle of a call with ``content``, by hand: the module need not be there."""
    return (
        b"\x80\x04ctorch_utils.persistence\n_reconstruct_persistent_obj\n" + pickle.dumps(content, 4)[2:-1] + b"\x85R."
    )


def test_networks_that_lie_are_refused_or_described_in_one_line(write: Callable[..., Path]) -> None:
    nest: object = ()
    for _ in range(100):
        nest = (nest, nest)
    loop: dict[str, object] = meta()
    loop["state"]["_modules"]["again"] = loop  # type: ignore[index]
    deep: dict[str, object] = {}
    inner = deep
    for _ in range(200):
        inner["a"] = inner = {}
    bad = [5, None, {}, nest, meta(state=5), meta(state={}), meta(state=nest)]
    good = [
        loop,
        meta(module_src=nest, class_name=nest),
        meta(module_src=b"x" * 500, class_name="\x1b[2J"),
        meta(state={**meta()["state"], "_init_kwargs": {"a": deep, "b": nest, "z_dim": nest}}),  # type: ignore[dict-item]
        meta(state={**meta()["state"], "_init_kwargs": {str(i): i for i in range(10_000)}}),  # type: ignore[dict-item]
    ]
    for content in bad:
        with pytest.raises(CheckpointError, match="holds no network"):
            LOADER.open(write(persistent(content)))
    for content in good:
        (part,) = LOADER.open(write(persistent(content)))
        assert all(text.isprintable() for text in (*part.problems, *part.asks_for, *map(str, part.facts.values())))
        assert len(part.facts) < 500


def test_harm_beside_networks_is_not_done(forge: Any, there: Path, write: Callable[..., Path], marker: Path) -> None:
    function = __import__("torch_utils.persistence").persistence._reconstruct_persistent_obj
    for value in forge.harm(marker).values():
        content = {"G": forge.call(function, meta(extra=value)), "x": value}
        assert list(opened(write(forge.pickle(content, 4)))) == ["G"]
        assert not marker.exists()


def test_other_pickles_are_not_claimed(write: Callable[..., Path], save: Callable[..., Path], tmp_path: Path) -> None:
    losses = pickle.dumps({"loss_g": [0.5] * 1000, "loss_d": [np.float32(1)] * 10, "epoch": 3})
    for path in (
        write(losses, "losses.pkl"),
        write(pickle.dumps([0.1, 0.2])),
        write(pickle.dumps({"w": torch.ones(2)})),
        write(b"\x80\x04."),
        write(b""),
        save({"w": torch.ones(2)}),
        save({"w": torch.ones(2)}, "legacy"),
        tmp_path,
        tmp_path / "none.pkl",
    ):
        assert LOADER.sniff(path) == 0
        with pytest.raises(CheckpointError, match="no network pickle"):
            LOADER.open(path)
    for loader in (LOADER, TorchStateDict(), TorchModulePickle(), TorchScript()):
        assert loader.sniff(write(losses, "losses.pkl")) == 0
