"""A training of Keras, on torch, with the callback and without it: the same to the bit."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import wganalyze

os.environ["KERAS_BACKEND"] = "torch"
keras = pytest.importorskip("keras")
layers = keras.layers

pytestmark = [pytest.mark.formats, pytest.mark.filterwarnings("ignore")]

DATA = np.random.default_rng(1).standard_normal((600, 2)).astype(np.float32)
IMAGES = np.random.default_rng(1).uniform(-1, 1, (300, 8, 8, 3)).astype(np.float32)
FACTORIES = """\
import keras
from keras import layers


def Generator():
    return keras.Sequential([keras.Input((3,)), layers.Dense(16), layers.BatchNormalization(), layers.ReLU(),
                             layers.Dropout(0.2), layers.Dense(2)], name="generator")


def Critic():
    return keras.Sequential([keras.Input((2,)), layers.Dense(16), layers.LeakyReLU(), layers.Dense(1)], name="critic")
"""
MADE: dict[str, Any] = {}
exec(FACTORIES, MADE)


class Wgan(keras.Model):  # type: ignore[misc]
    """A WGAN with a training step of its own, which draws from Keras's global seed, too."""

    def __init__(self, generator: Any, critic: Any) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, critic
        self.adams = [keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3)]

    def call(self, x: Any, training: bool = False) -> Any:
        """What the critic says."""
        return self.discriminator(x, training=training)

    def train_step(self, real: Any) -> Any:
        """One step of the critic, one of the generator."""
        losses = []
        for optimizer, net, sign in zip(self.adams, (self.discriminator, self.generator), (1, -1), strict=True):
            self.zero_grad()
            z = keras.random.normal((len(real), 3)) * (1 + random.random() + np.random.rand())  # noqa: NPY002
            fake = self.generator(z, training=True)
            loss = sign * self.discriminator(fake, training=True).mean()
            loss = loss - self.discriminator(real, training=True).mean() if sign == 1 else loss
            loss.backward()
            weights = [*net.trainable_weights]
            with torch.no_grad():
                optimizer.apply([weight.value.grad for weight in weights], weights)
            losses.append(loss)
        return {"d_loss": losses[0], "g_loss": losses[1]}


def trained(*callbacks: Any, data: Any = DATA[:320], **nets: Any) -> dict[str, Any]:
    """What a training of two epochs of ten batches ends with, and the next draws."""
    keras.utils.set_random_seed(3)
    model = Wgan(nets.get("generator") or MADE["Generator"](), nets.get("critic") or MADE["Critic"]())
    model.compile()
    model.fit(data, batch_size=32, epochs=2, verbose=0, callbacks=[*callbacks])
    weights = {f"weight {i}": v.numpy() for i, v in enumerate(model.variables)}
    draws = {"keras": keras.random.normal((2,)), "python": random.random(), "numpy": np.random.rand()}  # noqa: NPY002
    draws = {name: np.asarray(value) for name, value in draws.items()}
    return {**weights, **draws, "torch": torch.rand(2).numpy()}


def callback_of(folder: Path, **more: Any) -> Any:
    from wganalyze.integrations import KerasMonitor

    said = {"data": DATA, "every": 5, "budget": "60s", "n": 40, "replicates": 2, **more}
    return KerasMonitor(folder / "out", **said)


def test_training_is_the_same_to_the_bit(tmp_path: Path) -> None:
    alone = trained()
    callback = callback_of(tmp_path)
    watched = trained(callback)
    assert alone.keys() == watched.keys()
    assert [key for key in alone if not np.array_equal(alone[key], watched[key])] == []
    report = callback.monitor.report
    assert list(report.summary["step"]) == [0, 5, 10, 15, 20]
    assert report.measurements.query("analyzer == 'critic-gap' and status == 'ok'")["step"].nunique() == 5
    assert report.measurements.query("status == 'failed'").empty


def test_run_reads_the_checkpoints(tmp_path: Path) -> None:
    quick = {"n": 40, "replicates": 2, "only": ["exact-w", "critic-gap"]}
    callback = callback_of(tmp_path, budget=None, every=10, **quick)
    trained(callback)
    factories = tmp_path / "factories.py"
    factories.write_text(FACTORIES)
    nets = {"generator": f"{factories}:Generator", "critic": f"{factories}:Critic"}
    again = wganalyze.run(callback.monitor.checkpoints, data=DATA, **quick, **nets)  # type: ignore[arg-type]
    assert again.exit_code == 0
    ours, theirs = (
        report.measurements.query("metric in ('w1', 'dual_raw')").sort_values(["step", "metric"])["value"].to_numpy()
        for report in (callback.monitor.report, again)
    )
    assert len(ours) == 6
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


class _Shift(layers.Layer):  # type: ignore[misc]
    """Adds what is another at each pixel."""

    def __init__(self, shift: Any, **more: Any) -> None:
        super().__init__(**more)
        self.shift = np.asarray(shift)

    def call(self, x: Any) -> Any:
        """x + shift."""
        return x + torch.as_tensor(self.shift, dtype=x.dtype)

    def get_config(self) -> Any:
        return {**super().get_config(), "shift": self.shift.tolist()}


def test_images_stand_as_keras_has_them_and_the_models_stay_as_they_are(tmp_path: Path) -> None:
    """Channels last; a final sigmoid is not taken out of the user's own model."""
    from wganalyze.integrations import KerasModelMonitor

    keras.utils.set_random_seed(11)
    generator = keras.Sequential(
        [keras.Input((3,)), layers.Dense(192, activation="tanh"), layers.Reshape((8, 8, 3))], name="generator"
    )
    critic = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="critic",
    )
    before = critic.predict(IMAGES[:5], verbose=0)
    quick = {"budget": None, "n": 40, "replicates": 2, "only": ["exact-w"]}
    monitor = KerasModelMonitor(tmp_path / "out", data=IMAGES, **quick)
    report = monitor(0, generator, critic)
    assert report is not None
    assert report.exit_code == 0
    # What it makes of z, channels last, against the data as they are: no pixel stands elsewhere.
    shift = np.linspace(-0.4, 0.4, 192).reshape(8, 8, 3).astype(np.float32)
    moved = keras.Sequential([*generator.layers, layers.Rescaling(0.5, 0.0), _Shift(shift)], name="moved")
    own = moved(torch.randn(600, 3)).detach().cpu().numpy()
    excess = {}
    for name, data in (("same", own), ("mirrored", own[:, ::-1])):
        other = KerasModelMonitor(tmp_path / name, data=data, **{**quick, "n": 100})(0, moved, critic)
        assert other is not None
        values = other.measurements.set_index("metric")["value"]
        excess[name] = values["w1"] / values["w1_floor"] - 1
    assert abs(excess["same"]) < 0.2
    assert excess["mirrored"] > 1
    np.testing.assert_array_equal(critic.predict(IMAGES[:5], verbose=0), before)
    assert critic.layers[-1].activation is keras.activations.sigmoid


def test_networks_of_keras_in_memory() -> None:
    from wganalyze.integrations import KerasNetwork

    both = {role: MADE[role.capitalize()]() for role in ("generator", "critic")}
    with pytest.raises(wganalyze.UsageError, match=r"a model of Keras; pass wganalyze.integrations.KerasNetwork"):
        wganalyze.analyze(**both, data=DATA)
    wrapped = {role: KerasNetwork(model) for role, model in both.items()}
    report = wganalyze.analyze(**wrapped, data=DATA, n=40, replicates=2, only=["exact-w", "critic-gap"])
    assert report.exit_code == 0


class Plain(keras.Model):  # type: ignore[misc]
    """A model that does not say how it was made."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = layers.Dense(16, activation="relu"), layers.Dense(width)

    def call(self, x: Any, training: bool = False) -> Any:
        """An MLP."""
        return self.last(self.first(x))


def test_models_that_are_subclasses(tmp_path: Path) -> None:
    def nets() -> dict[str, Any]:
        keras.utils.set_random_seed(5)
        return {"generator": Plain(2), "critic": Plain(1)}

    alone = trained(**nets())
    callback = callback_of(tmp_path, only=["exact-w", "critic-gap"], latent=[3])
    watched = trained(callback, **nets())
    assert [key for key in alone if not np.array_equal(alone[key], watched[key])] == []
    rows = callback.monitor.report.measurements
    assert {*rows.query("metric == 'w1' and status == 'ok'")["step"]} == {5, 10, 15, 20}  # not built before the first
