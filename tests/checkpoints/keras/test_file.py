"""Keras files described from their headers, without Keras or h5py; damaged and hostile ones refused in one line.

``keras_files.zip`` holds what Keras 3.15 wrote for one critic, Dense(2), LeakyReLU, Dense(1, sigmoid) on 3 inputs.
"""

from __future__ import annotations

import io
import json
import random
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.loader import Input, TensorSpec
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.keras import config as keras_config
from wganalyze_checkpoints.keras import file as keras_file
from wganalyze_checkpoints.keras.loader import KerasModel, KerasWeights
from wganalyze_checkpoints.torch.module_pickle import TorchModulePickle
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADERS = (KerasModel(), KerasWeights())
KINDS = {
    "model.h5": "keras-model",
    "model.keras": "keras-model",
    "v3.weights.h5": "keras-weights",
    "legacy_weights.h5": "keras-weights",
}
SHAPES = [(3, 2), (2,), (2, 1), (1,)]
NUMBERS = [np.arange(6.0).reshape(3, 2), np.array([1.0, 2]), np.array([[3.0], [4]]), np.array([5.0])]


def files() -> dict[str, bytes]:
    """What Keras wrote."""
    with zipfile.ZipFile(Path(__file__).with_name("keras_files.zip")) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


FILES = files()


def loader_of(name: str) -> KerasModel | KerasWeights:
    """The one that should claim it."""
    return next(loader for loader in LOADERS if loader.name == KINDS[name])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("called", ["file.pt", "file", "weights.h5", "x.keras"])
def test_recognised_by_content_under_any_name(write: Callable[..., Path], name: str, called: str) -> None:
    path = write(FILES[name], called)
    assert {loader.name: loader.sniff(path) for loader in LOADERS} == {
        loader.name: 0.95 if loader.name == KINDS[name] else 0.0 for loader in LOADERS
    }
    assert TorchStateDict().sniff(path) == TorchModulePickle().sniff(path) == 0
    other = next(loader for loader in LOADERS if loader.name != KINDS[name])
    with pytest.raises(CheckpointError, match="is not"):
        other.open(path)


@pytest.mark.parametrize("name", KINDS)
def test_described_as_it_was_saved(write: Callable[..., Path], name: str) -> None:
    (part,) = loader_of(name).open(write(FILES[name]))
    assert part.kind == KINDS[name]
    assert [*part.keys.values()] == [TensorSpec(shape, "float32") for shape in SHAPES], "in the order of the layers"
    assert part.read_tensors is None
    if name == "v3.weights.h5":
        assert [*part.keys] == [f"layers/{layer}/vars/{i}" for layer in ("dense", "dense_1") for i in (0, 1)]
    else:
        assert part.facts["keras_version"] == "3.15.1"
    if part.kind == "keras-model":
        assert (part.role, part.facts["model"], part.facts["layers"]) == ("critic", "critic", "Dense, LeakyReLU, Dense")
        assert part.inputs == (Input("x", (None, 3), "float32"),)
        assert (part.runs_code, part.asks_for) == (False, ())
    assert part.fill is not None, "by a factory that is named"
    assert (part.read_module is not None) == (part.kind == "keras-model")


@pytest.mark.parametrize("name", KINDS)
def test_numbers_are_those_that_were_saved(write: Callable[..., Path], name: str) -> None:
    file = keras_file.read(write(FILES[name]))
    assert file is not None
    stored = dict(file.numbers())
    assert [*stored] == [*file.keys]
    for found, expected in zip(stored.values(), NUMBERS, strict=True):
        np.testing.assert_array_equal(found, expected.astype(np.float32), strict=True)


def test_a_zip_packed_anew_is_read_too(write: Callable[..., Path]) -> None:
    file = keras_file.read(write(archive(compression=zipfile.ZIP_DEFLATED)))
    assert file is not None
    for (_, found), expected in zip(file.numbers(), NUMBERS, strict=True):
        np.testing.assert_array_equal(found, expected)


# Without the extra


def test_without_the_extra_all_is_described_and_the_pip_line_is_said(write: Callable[..., Path]) -> None:
    """In a process that finds neither Keras nor h5py."""
    code = """
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
class Without(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("keras", "h5py"):
            raise ImportError(name)
sys.meta_path.insert(0, Without())
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.keras.loader import wganalyze_loaders
for name in sys.argv[1:]:
    path = Path(name)
    loader = max((kind() for kind in wganalyze_loaders()), key=lambda loader: loader.sniff(path))
    (part,) = loader.open(path)
    assert "torch" not in sys.modules or name != sys.argv[1]
    print(loader.name, loader.sniff(path), len(part.keys))
    print(*part.problems)
    try:
        part.read_module() if part.read_module else part.fill(None)
    except CheckpointError as error:
        print(error)
"""
    paths = {name: write(content) for name, content in FILES.items()}
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, paths.values())], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    expected = []
    for name, path in paths.items():
        line = f"{path}: is run by Keras, and keras is not installed; pip install 'wganalyze[keras]'"
        expected += [f"{KINDS[name]} 0.95 4", line, line]
    assert result.stdout.splitlines() == expected


# Damage and harm


@pytest.mark.parametrize("name", KINDS)
def test_a_file_cut_anywhere_is_damaged_or_unknown(write: Callable[..., Path], name: str) -> None:
    content = FILES[name]
    loader = loader_of(name)
    for end in {0, 1, 8, 100, len(content) - 1, *(len(content) * i // 20 for i in range(20))}:
        path = write(content[:end])
        assert loader.sniff(path) in (0.0, 0.5)
        with pytest.raises(CheckpointError) as caught:
            loader.open(path)
        assert str(caught.value).isprintable()
    path = write(content[: len(content) // 2])
    assert loader.sniff(path) == 0.5, "said to be damaged, not unknown"
    with pytest.raises(CheckpointError, match="cut off"):
        loader.open(path)


@pytest.mark.parametrize("name", KINDS)
@given(seed=st.integers(0, 2**32))
def test_whatever_is_altered_opening_gives_parts_or_one_line(write: Callable[..., Path], name: str, seed: int) -> None:
    rng = random.Random(seed)
    content = bytearray(FILES[name])
    for _ in range(rng.choice([1, 2, 8])):
        at, count = rng.randrange(len(content)), rng.choice([1, 2, 4, 8])
        content[at : at + count] = rng.choice([rng.randbytes(count), b"\xff" * count, b"\0" * count])
    path = write(bytes(content))
    for loader in LOADERS:
        assert 0 <= loader.sniff(path) <= 1
        with suppress(CheckpointError):  # nothing else, and no crash
            assert len(loader.open(path)) == 1


def archive(replaced: Mapping[str, bytes | None] | None = None, compression: int = zipfile.ZIP_STORED) -> bytes:
    """The ``.keras`` file, with records replaced, added, or left out (None)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(FILES["model.keras"])) as original:
        records = {name: original.read(name) for name in original.namelist()} | dict(replaced or {})
    with zipfile.ZipFile(buffer, "w", compression) as out:
        for name, content in records.items():
            if content is not None:
                out.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (archive({"../evil": b"x"}), "would lie outside"),
        (archive({"/etc/evil": b"x"}), "would lie outside"),
        (archive({"assets/bomb": bytes(2**27)}, zipfile.ZIP_DEFLATED), "would unpack to"),
        (archive({"config.json": b" " * 2**26}, zipfile.ZIP_DEFLATED), "would unpack to"),
        (archive({"config.json": b"[" * 100_000}), "recursion|nested"),
        (archive({"config.json": b"[]"}), "is no object"),
        (archive({"config.json": b"{}"}), "describes no model"),
        (archive({"config.json": b"{"}), "damaged"),
        (archive({"model.weights.h5": None}), "has no model.weights.h5"),
        (archive({"model.weights.h5": b"what"}), "beyond the end"),
    ],
)  # fmt: skip
def test_a_hostile_zip_is_refused(write: Callable[..., Path], content: bytes, reason: str) -> None:
    path = write(content)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    assert KerasModel().sniff(path) == 0.5
    with pytest.raises(CheckpointError, match=reason) as caught:
        KerasModel().open(path)
    assert str(caught.value).isprintable()
    assert time.process_time() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_other_zips_and_other_hdf5_are_not_claimed(write: Callable[..., Path], save: Callable[..., Path]) -> None:
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as out:
        out.writestr("config.json", "{}")
    foreign = FILES["v3.weights.h5"].replace(b"vars\0", b"data\0")
    contents = [
        empty.getvalue(),
        archive({"metadata.json": b"{}"}),
        foreign,
        b"\x89HDF\r\n\x1a\n" + bytes(500),
        b"",
        b"PK",
    ]
    for path in [*map(write, contents), save({"w": 1}), Path("/nowhere")]:
        assert [loader.sniff(path) for loader in LOADERS] == [0, 0]


# Whose code a configuration asks for


def dense(**more: Any) -> dict[str, Any]:
    """A layer as Keras 3 describes it."""
    initial: dict[str, Any] = {
        "module": "keras.initializers",
        "class_name": "GlorotUniform",
        "config": {},
        "registered_name": None,
    }
    config = {"name": "d", "units": 1, "kernel_initializer": initial, **more}
    return {"module": "keras.layers", "class_name": "Dense", "config": config, "registered_name": None}


def model(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """A Sequential of these layers."""
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "net", "layers": [*layers]}}


def layer(name: str, **config: Any) -> dict[str, Any]:
    """A layer of Keras's own."""
    return {"module": "keras.layers", "class_name": name, "config": config, "registered_name": None}


def function(module: str, name: str) -> dict[str, Any]:
    """A function by its name."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


CODE = {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}


@pytest.mark.parametrize(
    ("inside", "asked"),
    [
        (dense(), []),
        (dense(activation=function("builtins", "relu")), []),
        ({"module": "keras.src.ops.numpy", "class_name": "Add", "config": {}, "registered_name": "Add"}, []),
        ({"class_name": "Dense", "config": {"kernel_initializer": {"class_name": "Zeros", "config": {}}}}, []),
        (dense(activation=CODE), ["keras.layers.Lambda"]),
        ({"class_name": "Lambda", "config": {"function": ["4wEAAAA=", None, None]}}, ["keras.layers.Lambda"]),
        (layer("Lambda", function=CODE), ["keras.layers.Lambda"]),
        (layer("TorchModuleWrapper"), ["keras.layers.TorchModuleWrapper"]),
        (layer("TFSMLayer"), ["keras.layers.TFSMLayer"]),
        (layer("StringLookup", vocabulary="/etc/passwd"), ["keras.layers.StringLookup"]),
        ({"module": "train", "class_name": "Clip", "config": {}, "registered_name": "Custom>Clip"}, ["train.Clip"]),
        ({"module": None, "class_name": "Clip", "config": {}, "registered_name": "Clip"}, ["Clip"]),
        ({"module": None, "class_name": "function", "config": "swish2", "registered_name": "swish2"}, ["swish2"]),
        ({"class_name": "Clip", "config": {}}, ["Clip"]),
        (dense(activation=function("os", "system")), ["os.system"]),
        (dense(activation=function("keras.utils", "get_file")), ["keras.utils.get_file"]),
        ({**dense(), "registered_name": "evil>Dense"}, ["keras.layers.Dense"]),
        ({"module": "kerasX.layers", "class_name": "Dense", "config": {}}, ["kerasX.layers.Dense"]),
        ({"module": "keras.layers", "class_name": ["Dense"], "config": {}}, ["keras.layers.['Dense']"]),
    ],
)  # fmt: skip
def test_what_a_layer_asks_for(write: Callable[..., Path], inside: Mapping[str, Any], asked: list[str]) -> None:
    for config in (model(inside), model(layer("TimeDistributed", layer=inside)), model(model(inside))):
        (part,) = KerasModel().open(write(archive({"config.json": json.dumps(config).encode()})))
        assert [*part.asks_for] == asked
        assert part.runs_code == bool(asked)
        assert (part.read_allowed is None) == (not asked)
        assert bool(asked) == any("--trust" in problem and asked[0] in problem for problem in part.problems)


def test_what_a_model_was_trained_with_does_not_count() -> None:
    trained = {**model(dense()), "compile_config": {"loss": CODE}}
    assert keras_config.foreign(trained) == keras_config.foreign(model(trained)) == ()


def test_a_class_that_is_not_allowed_is_named_with_the_option(write: Callable[..., Path]) -> None:
    layers: list[dict[str, Any]] = [{"module": "train", "class_name": name, "config": {}} for name in ("Clip", "Scale")]
    (part,) = KerasModel().open(write(archive({"config.json": json.dumps(model(*layers)).encode()})))
    assert part.read_allowed is not None
    with pytest.raises(CheckpointError, match=r"asks for train\.Scale, which is not allowed; say --allow train:Scale"):
        part.read_allowed(["train.Clip"])


# Inputs


def input_layer(name: str, shape: list[int | None], dtype: str = "float32", key: str = "batch_shape") -> dict[str, Any]:
    """An InputLayer."""
    return {"class_name": "InputLayer", "config": {"name": name, key: shape, "dtype": dtype}}


def functional(stated: Any, *layers: dict[str, Any]) -> dict[str, Any]:
    """A functional model."""
    return {"class_name": "Functional", "config": {"name": "m", "layers": [*layers], "input_layers": stated}}


Z, LABEL = input_layer("z", [None, 100]), input_layer("label", [None, 1], "int32")
TUPLE = {"class_name": "__tuple__", "items": [None, 5]}
GIVEN_Z, GIVEN_LABEL = Input("z", (None, 100), "float32"), Input("label", (None, 1), "int32")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (model(Z, dense()), [GIVEN_Z]),
        (model(input_layer("z", [None, 7, 7, 1], key="batch_input_shape")), [Input("z", (None, 7, 7, 1), "float32")]),
        (model(dense(batch_input_shape=[None, 5], dtype="float64")), [Input("d", (None, 5), "float64")]),
        (model(dense(batch_input_shape=TUPLE)), [Input("d", (None, 5), "float32")]),
        (model(model(Z)), [GIVEN_Z]),
        ({**model(dense()), "build_config": {"input_shape": [None, 4]}}, [Input("", (None, 4), "float32")]),
        (functional(["z", 0, 0], Z), [GIVEN_Z]),
        (functional([["z", 0, 0], ["label", 0, 0]], Z, LABEL), [GIVEN_Z, GIVEN_LABEL]),
        (functional([["label", 0, 0], ["z", 0, 0]], Z, LABEL), [GIVEN_Z, GIVEN_LABEL]),
        (functional({"a": ["z", 0, 0]}, Z), [GIVEN_Z]),
        (functional([["lost", 0, 0]], Z), []),
        (functional(3, Z), []),
        ({"class_name": "Mine"}, []),
        (model(input_layer("z", "what")), [Input("z", None, "float32")]),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_inputs_as_the_configuration_states_them(config: dict[str, Any], expected: list[Input]) -> None:
    assert [*keras_config.inputs(config)] == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(
                ["class_name", "config", "module", "layers", "name", "input_layers", "batch_shape", "dtype", "x"]
            )
            | st.text(),
            inner,
        )
    ),
)


@given(config=st.dictionaries(st.sampled_from(["class_name", "config", "module", "build_config"]), JSON))
def test_any_json_is_described(config: dict[str, Any]) -> None:
    assert all(asked.text.isprintable() for asked in keras_config.foreign(config))
    assert isinstance(keras_config.layers(config), tuple)
    assert isinstance(keras_config.inputs(config), tuple)
    assert keras_config.name_of(config).isprintable()
