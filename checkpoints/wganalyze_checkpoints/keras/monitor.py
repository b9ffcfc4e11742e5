"""Keras's training on its torch backend, analysed while it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

from wganalyze import Monitor, Report, UsageError

try:
    import keras
except ImportError:
    raise ImportError("KerasMonitor needs Keras: pip install 'wganalyze[keras]'") from None

from wganalyze_checkpoints.keras.network import KerasNetwork

Where = str | Callable[[Any], Any] | None
GENERATORS = ("generator", "gen", "G")
CRITICS = ("critic", "discriminator", "disc", "D")


class ModelMonitor(Monitor):
    """``wganalyze.Monitor`` for models of Keras, whose weights it saves as Keras does.

    Images in an array of four axes stand as Keras has them: channels last, unless its configuration says otherwise.
    """

    def __init__(self, out: str | Path, *, data: Any = None, **said: Any):
        if getattr(data, "ndim", 0) == 4 and keras.config.image_data_format() == "channels_last":
            images: Any = keras.ops.convert_to_numpy(data)
            data = images.transpose(0, 3, 1, 2)
        super().__init__(out, data=data, **said)

    def __call__(self, step: int, generator: Any = None, critic: Any = None) -> Report | None:
        with _seeds_kept():
            return super().__call__(step, generator, critic)

    def network_of(self, given: Any) -> KerasNetwork:
        """The model as a module with numbers of its own."""
        if keras.config.backend() != "torch":
            raise UsageError("Keras runs on another backend; set KERAS_BACKEND=torch before it is imported")
        if not getattr(given, "outputs", None):  # a subclass, whose program is not changed by what is done with it
            return KerasNetwork(given)
        apart = keras.models.clone_model(given)
        apart.set_weights(given.get_weights())
        return KerasNetwork(apart)

    def save(self, network: Any, stem: Path) -> Path:
        """``save_weights`` of the model itself, under its name when it is whole."""
        path = stem.with_name(f"{stem.name}.weights.h5")
        draft = path.with_name(f".{path.name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            network.save_weights(draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        return path


class KerasMonitor(keras.callbacks.Callback):  # type: ignore[misc]
    """``wganalyze.Monitor`` as a callback: ``model.fit(..., callbacks=[KerasMonitor("out", data=..., every=500)])``.

    ``generator``, ``critic``: attributes of the model that is fitted, or functions of it; found under their usual names
    without. A step is a batch of training, over all calls of ``fit``. All else is ``Monitor``'s.
    """

    def __init__(self, out: str | Path, *, generator: Where = None, critic: Where = None, **said: Any):
        super().__init__()
        self.monitor = ModelMonitor(out, **said)
        self.batches = 0
        self._where = (generator, GENERATORS), (critic, CRITICS)

    def on_train_begin(self, logs: Any = None) -> None:
        """What training begins with, where the models are built."""
        networks = self._networks()
        if not self.batches and all(getattr(network, "built", True) for network in networks):
            self._look()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """One batch more."""
        self.batches += 1
        self._look()

    def on_train_end(self, logs: Any = None) -> None:
        """The report's files as they are at the end."""
        self.monitor.close()

    def _look(self) -> None:
        if self.monitor.due(self.batches):
            self.monitor(self.batches, *self._networks())

    def _networks(self) -> list[Any]:
        return [_network_in(self.model, where, usual) for where, usual in self._where]


def _network_in(model: Any, where: Where, usual: Sequence[str]) -> Any:
    if callable(where):
        return where(model)
    if where is not None:
        return attrgetter(where)(model)
    return next((getattr(model, name) for name in usual if hasattr(model, name)), None)


@contextmanager
def _seeds_kept() -> Iterator[None]:
    """The seed that layers without one of their own draw from is where it was."""
    from keras.src.backend.common import global_state

    name = "global_seed_generator"
    seeds = global_state.get_global_attribute(name)
    before = None if seeds is None else seeds.state.value.detach().clone()
    try:
        yield
    finally:
        if seeds is None:
            global_state.set_global_attribute(name, None)
        else:
            seeds.state.assign(before)
            global_state.set_global_attribute(name, seeds)
