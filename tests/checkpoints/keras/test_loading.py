"""Keras models whose files ask for code, or are not what they seem: by the user's leave alone, and in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.checkpoints.conftest import run
from tests.checkpoints.keras.conftest import opened, saved

from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.keras import config as keras_config
from wganalyze_checkpoints.keras import loading as keras_loading

os.environ["KERAS_BACKEND"] = "torch"
keras = pytest.importorskip("keras")
layers = keras.layers

pytestmark = [
    pytest.mark.formats,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def critic() -> Any:
    """Of small images."""
    return keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(1)])


def two_inputs() -> Any:
    """A functional model."""
    z, label = keras.Input((4,), name="z"), keras.Input((1,), name="label", dtype="int32")
    x = layers.Concatenate()([z, layers.Flatten()(layers.Embedding(3, 2)(label))])
    return keras.Model([z, label], layers.Dense(3)(x))


def weights(folder: Path) -> Path:
    """The critic's alone."""
    path = folder / "critic.weights.h5"
    critic().save_weights(path)
    return path


@pytest.mark.parametrize("layout", [".keras", ".h5"])
def test_a_lambda_runs_by_leave_alone(tmp_path: Path, marker: Path, layout: str) -> None:
    """Its bytecode would write a file as soon as the layer is called."""
    name = str(marker)
    harm = layers.Lambda(lambda x: (open(name, "w"), 2 * x)[1], output_shape=(3,))  # noqa: PTH123, SIM115
    path = saved(keras.Sequential([keras.Input((3,)), harm]), tmp_path, layout)
    marker.unlink(missing_ok=True)
    part = opened(path)
    assert (part.runs_code, part.asks_for) == (True, ("keras.layers.Lambda",))
    assert "Python bytecode in the file" in part.problems[0]
    assert "--trust" in part.problems[0]
    assert part.read_allowed is not None
    with pytest.raises(CheckpointError, match=r"say --allow keras\.layers:Lambda"):
        part.read_allowed([])
    assert not marker.exists()
    assert part.read_module is not None
    for network in (part.read_module(), part.read_allowed(["keras.layers.Lambda"])):
        torch.testing.assert_close(network(torch.ones(1, 3)), torch.full((1, 3), 2.0))
        assert marker.exists(), "it was real"
        marker.unlink()


@pytest.mark.parametrize("layout", [".keras", ".h5"])
def test_a_lambda_that_hides_from_the_description_is_refused_by_safe_mode(tmp_path: Path, layout: str) -> None:
    """Whatever our reading of a configuration might miss, Keras itself loads it in safe mode."""
    path = saved(keras.Sequential([keras.Input((3,)), layers.Lambda(lambda x: 2 * x)]), tmp_path, layout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras_config, "foreign", lambda _: ())
        with pytest.raises(CheckpointError, match="Keras cannot load it") as caught:
            keras_loading.load_model(path, ())
    assert str(caught.value).isprintable()


def test_a_file_that_changed_after_it_was_opened_is_not_run(tmp_path: Path) -> None:
    path = saved(keras.Sequential([keras.Input((3,)), layers.Dense(1)]), tmp_path, ".keras")
    part = opened(path)
    saved(keras.Sequential([keras.Input((3,)), layers.Lambda(lambda x: 2 * x)]), tmp_path, ".keras")
    assert part.read_module is not None
    with pytest.raises(CheckpointError, match="has changed since it was opened"):
        part.read_module()


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module with a layer, as a trainer's code would hold it."""
    module = types.ModuleType("strangers_code")
    exec(
        "import keras\n"
        "class Clip(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return keras.ops.clip(x, -1.0, 1.0)\n",
        module.__dict__,
    )
    monkeypatch.setitem(sys.modules, "strangers_code", module)
    return module


def test_a_class_of_the_trainer_is_imported_by_leave(
    tmp_path: Path, strangers: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = opened(saved(keras.Sequential([keras.Input((3,)), strangers.Clip()]), tmp_path, ".keras"))
    assert (part.runs_code, part.asks_for) == (True, ("strangers_code.Clip",))
    assert part.read_module is not None
    network = part.read_module()
    x = torch.tensor([[-3.0, 0.5, 3.0]])
    torch.testing.assert_close(network(x), x.clip(-1, 1))
    assert float(network.double()(x.double() + 1e-12)[0, 1]) == 0.5 + 1e-12
    monkeypatch.delitem(sys.modules, "strangers_code")
    with pytest.raises(CheckpointError, match=r"put the code that defined strangers_code\.Clip on PYTHONPATH"):
        part.read_module()


def test_a_class_of_a_legacy_file_must_be_registered(tmp_path: Path, strangers: types.ModuleType) -> None:
    """Its module is not in the file."""
    part = opened(saved(keras.Sequential([keras.Input((3,)), strangers.Clip()]), tmp_path, ".h5"))
    assert (part.runs_code, part.asks_for) == (True, ("Clip",))
    assert part.read_module is not None
    with pytest.raises(CheckpointError, match="asks for Clip and does not say where"):
        part.read_module()
    with keras.saving.custom_object_scope({"Clip": strangers.Clip}):
        assert part.read_module()(torch.tensor([[-3.0, 0.5, 3.0]])).tolist() == [[-1.0, 0.5, 1.0]]


def test_a_class_of_the_training_script_itself(tmp_path: Path) -> None:
    config = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"layers": [{"module": None, "class_name": "Mine"}]},
    }
    part = opened(rewritten(saved(critic(), tmp_path, ".keras"), config))
    assert part.asks_for == ("Mine",)
    assert part.read_module is not None
    with pytest.raises(CheckpointError, match="asks for Mine and does not say where"):
        part.read_module()


def test_losses_of_the_trainer_do_not_matter(tmp_path: Path) -> None:
    """Compiled parts, nested ones too, are loaded without what they were trained with."""

    def wasserstein(real: Any, fake: Any) -> Any:
        return keras.ops.mean(real * fake)

    inner = critic()
    inner.compile("rmsprop", wasserstein)
    model = keras.Sequential([keras.Input((4, 4, 1)), inner])
    model.compile("rmsprop", wasserstein)
    part = opened(saved(model, tmp_path, ".keras"))
    assert part.runs_code is False
    assert run(part)(torch.zeros(2, 1, 4, 4)).shape == (2, 1)


def test_modules_that_keras_2_named_otherwise(tmp_path: Path) -> None:
    """tf.keras 2.13 wrote ``.keras`` files, too."""
    model = two_inputs()
    path = saved(model, tmp_path, ".keras")
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
    assert config.count("keras.src.models.functional") == 1
    old = config.replace("keras.src.models.functional", "keras.src.engine.functional")
    part = opened(rewritten(path, json.loads(old)))
    assert part.runs_code is False
    z, label = torch.randn(3, 4), torch.tensor([0, 1, 2])
    expected = model([z, label[:, None]]).detach()
    torch.testing.assert_close(run(part)(z, label), expected)


def rewritten(path: Path, config: dict[str, Any]) -> Path:
    """The file with another configuration."""
    target = path.with_name("changed")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            out.writestr(name, json.dumps(config) if name == "config.json" else source.read(name))
    return target


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": -3}},
        {"module": "keras.layers", "class_name": "Dense", "config": {"unites": 3}},
        {"module": "keras.layers", "class_name": "Dense", "config": 3},
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1, "activation": "what"}},
        {"class_name": "Sequential", "config": {"layers": {}}},
        {},
    ],
)
def test_a_configuration_that_cannot_be_gives_one_line(tmp_path: Path, layer: dict[str, Any]) -> None:
    config = {"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}}
    part = opened(rewritten(saved(critic(), tmp_path, ".keras"), config))
    assert part.runs_code is False
    with pytest.raises(CheckpointError, match="Keras cannot load it") as caught:
        run(part)
    assert str(caught.value).isprintable()


def test_another_backend_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = opened(saved(critic(), tmp_path, ".keras"))
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(CheckpointError, match="Keras was started on its jax backend here; set KERAS_BACKEND=torch"):
        run(part)


def test_opening_a_file_chooses_the_backend_for_the_factory_to_come(tmp_path: Path) -> None:
    path = weights(tmp_path)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from wganalyze_checkpoints.keras.loader import KerasWeights\n"
        "KerasWeights().open(Path(sys.argv[1]))\n"
        "assert 'keras' not in sys.modules and 'h5py' not in sys.modules\n"
        "import keras\n"
        "print(keras.backend.backend())\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["torch"]
