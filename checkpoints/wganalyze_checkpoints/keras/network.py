"""Keras models as torch modules: images channels first, float64 where it is asked for, no state that a call changes.

Keras runs on its torch backend. The module holds the numbers itself and lends them to the model for each call
(``keras.StatelessScope``): the model is a program that copies of the module share and that nothing alters.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import torch
import torch.fx
from torch import Tensor, nn

_LOWER = frozenset(["float16", "bfloat16", "float32", "mixed_float16", "mixed_bfloat16"])
_OPEN_AXIS = 16
"""In a trial, the size of an axis that the model leaves open."""
_TAKEN = "wganalyze_took_sigmoid"


class _Program:
    """A model without its numbers; copies of a module share it."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __deepcopy__(self, memo: object) -> Self:
        return self


class KerasNetwork(nn.Module):
    """A Keras model, called as ``module(x)`` or ``module(x, labels)``; a final sigmoid is a layer of its own.

    In train mode BatchNorm takes the statistics of its batch and stores none, and Dropout follows torch's seed.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        import keras

        self.head = nn.Sigmoid() if _take_final_sigmoid(model) else nn.Identity()
        self._program = _Program(model)
        first = tuple(specs[0].shape[1:]) if (specs := _specs(model)) else ()
        self.input_shape = first if None not in first else ()
        self._names: list[str] = []
        for variable in model.variables:
            name = variable.path.replace(".", "_")
            name = name if not hasattr(self, name) else f"{name}#{len(self._names)}"
            self._names.append(name)
            value = variable.value.detach().cpu().clone()  # a factory may give one model twice
            if variable.trainable and value.is_floating_point():
                self.register_parameter(name, nn.Parameter(value, requires_grad=False))
            else:
                self.register_buffer(name, value)
        layers = list(_layers(model))
        self.runs_a_program = True  # for tracers: its layers are no modules of torch
        self.channels_last = {getattr(layer, "data_format", None) for layer in layers} - {None} != {"channels_first"}
        self.uses_batch_statistics = any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)

    def forward(self, *arguments: Tensor) -> Any:
        """The output, or a tuple of outputs, in the precision of the first argument."""
        if isinstance(arguments, torch.fx.Proxy) or any(isinstance(value, torch.fx.Proxy) for value in arguments):
            raise TypeError("Keras hides its layers from the tracer")
        outputs = self.run(self._arranged(arguments))
        outputs = [self._outward(output, arguments[0].dtype) for output in outputs]
        return self.head(outputs[0]) if len(outputs) == 1 else tuple(outputs)

    def run(self, values: Sequence[Tensor]) -> list[Tensor]:
        """The outputs as Keras has them, for the inputs as Keras wants them."""
        import keras

        model = self._program.model
        structure = getattr(model, "input", None)
        given = values[0] if len(values) == 1 else list(values)
        if structure is not None:
            given = keras.tree.pack_sequence_as(structure, list(values))
        wide = any(value.dtype == torch.float64 for value in values)
        with keras.device(str(values[0].device)), _wide(wide), keras.StatelessScope(state_mapping=self._state()):
            return [*keras.tree.flatten(model(given, training=self.training))]

    def double(self) -> Self:
        """Float64 throughout, where the model can be made anew so; else it keeps its precision and casts."""
        exact = _in_float64(self._program.model)
        if exact is None:
            return self
        candidate = copy.deepcopy(self).eval()
        candidate._program = _Program(exact)
        candidate._raise()
        if _agree(copy.deepcopy(self).eval(), candidate):  # in train mode Dropout would tell them apart
            self._program = candidate._program
            self._raise()
        return self

    def _raise(self) -> None:
        super()._apply(_raised)  # type: ignore[no-untyped-call]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Moves to other devices; the precision is the model's (``double`` alone changes both)."""
        super()._apply(lambda value: fn(value).to(value.dtype), recurse)  # type: ignore[no-untyped-call]
        return self

    def extra_repr(self) -> str:
        """Name, inputs and precision of the model."""
        model = self._program.model
        shapes = ", ".join(str(tuple(spec.shape)) for spec in _specs(model)) or "?"
        dtypes = {str(value.dtype) for value in self.state_dict().values() if value.is_floating_point()}
        return f"{model.name}, takes {shapes}, {', '.join(sorted(dtypes)).replace('torch.', '')}"

    def _state(self) -> list[tuple[Any, Tensor]]:
        state = []
        for variable, name in zip(self._program.model.variables, self._names, strict=True):
            value: Tensor = getattr(self, name)
            if self.training and variable.dtype == "uint32":  # the seed of a Dropout
                value = torch.randint(2**31, value.shape).to(value.device)
            state.append((variable, value))
        return state

    def _arranged(self, arguments: Sequence[Tensor]) -> list[Tensor]:
        """The arguments as the model takes them: each to the input that it fits, labels in whatever place."""
        model = self._program.model
        specs = _specs(model)
        if not specs:  # a subclassed model states none
            dtype = getattr(torch, model.compute_dtype)
            return [self._last(value).to(dtype) if value.is_floating_point() else value for value in arguments]
        for order in itertools.permutations(arguments) if len(arguments) == len(specs) else ():
            fitted = [self._fitted(value, spec) for value, spec in zip(order, specs, strict=True)]
            arranged = [value for value in fitted if value is not None]
            if len(arranged) == len(specs):
                return arranged
        takes = ", ".join(f"{spec.name} {tuple(spec.shape)}" for spec in specs)
        given = ", ".join(str(tuple(value.shape)) for value in arguments)
        raise ValueError(f"the Keras model takes {takes} (channels last), not {given}")

    def _fitted(self, value: Tensor, spec: Any) -> Tensor | None:
        """``value`` in the shape and dtype of an input; None where it does not fit."""
        shape = tuple(spec.shape)
        if not value.is_floating_point() and len(shape) == 2 and value.ndim == 1:
            value = value[:, None]
        for candidate in (self._last(value), value):
            if candidate.ndim == len(shape) and all(
                k in (None, n) for k, n in zip(shape[1:], candidate.shape[1:], strict=True)
            ):
                return candidate.to(getattr(torch, spec.dtype))
        return None

    def _last(self, value: Tensor) -> Tensor:
        return value.permute(0, 2, 3, 1) if self.channels_last and value.ndim == 4 else value

    def _outward(self, value: Tensor, dtype: torch.dtype) -> Tensor:
        value = value.permute(0, 3, 1, 2) if self.channels_last and value.ndim == 4 else value
        return value.to(dtype) if value.is_floating_point() and dtype.is_floating_point else value


@contextmanager
def _wide(wanted: bool) -> Iterator[None]:
    """On torch, Keras narrows the results of its operations to 32 bits, as JAX does; in here float64 stays."""
    import keras
    from keras.src.backend.common import dtypes

    table, precision = getattr(dtypes, "BIT64_TO_BIT32_DTYPE", {}), keras.config.floatx()
    before = dict(table)
    try:
        if wanted:
            table["float64"] = "float64"
            keras.config.set_floatx("float64")
        yield
    finally:
        table.update(before)
        keras.config.set_floatx(precision)


def _raised(value: Tensor) -> Tensor:
    return value.double() if value.is_floating_point() else value


def _layers(model: Any) -> Iterator[Any]:
    """All layers below a model."""
    for layer in getattr(model, "layers", ()):
        yield layer
        yield from _layers(layer)
        yield from [inner] if (inner := getattr(layer, "layer", None)) is not None else []


def _specs(model: Any) -> list[Any]:
    return list(getattr(model, "inputs", None) or [])


def _take_final_sigmoid(model: Any) -> bool:
    """Take the sigmoid out of the last layer, where that layer is plain and used once: did it have one?"""
    import keras

    plain = (keras.layers.Dense, keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.Activation)
    outputs = getattr(model, "outputs", None) or []
    layer: Any = outputs[0]._keras_history.operation if len(outputs) == 1 else None
    if type(layer) not in plain or len(layer._inbound_nodes) != 1:
        return False
    if layer.activation is keras.activations.sigmoid:
        layer.activation = keras.activations.linear
        setattr(layer, _TAKEN, True)
    return getattr(layer, _TAKEN, False)


def _in_float64(model: Any) -> Any:
    """The model made anew in float64, its numbers not yet in it; None where its configuration does not give it."""
    import keras

    kinds = {type(layer) for layer in (model, *_layers(model)) if not type(layer).__module__.startswith("keras.")}
    own = {keras.saving.get_registered_name(kind): kind for kind in kinds}
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("float64")  # models themselves do not state theirs
        with keras.device("cpu"):
            config = _with_float64(keras.saving.serialize_keras_object(model))
            exact = keras.saving.deserialize_keras_object(config, custom_objects=own, safe_mode=False)
        shapes = [[tuple(variable.shape) for variable in net.variables] for net in (model, exact)]
    except Exception:  # a stranger's layers, which may not say how they were made
        return None
    finally:
        keras.config.set_dtype_policy(policy)
    return exact if shapes[0] == shapes[1] else None


def _with_float64(config: Any, key: str = "") -> Any:
    """A configuration with float64 for every lower precision, and without losses and optimizers."""
    if isinstance(config, dict):
        policy = config.get("class_name") == "DTypePolicy"
        changed = {k: _with_float64(v, "dtype" if policy else k) for k, v in config.items() if k != "compile_config"}
        if policy and isinstance(config.get("config"), dict):
            name = config["config"].get("name")
            changed["config"] = {"name": "float64" if name in _LOWER else name}
        return changed
    if isinstance(config, list | tuple):
        return type(config)(_with_float64(value) for value in config)
    return "float64" if key == "dtype" and isinstance(config, str) and config in _LOWER else config


def _agree(network: KerasNetwork, exact: KerasNetwork) -> bool:
    """Does the model in float64 give what it gave? Its configuration could say less than its code."""
    specs = _specs(network._program.model)
    if not specs:
        return False
    generator = torch.Generator().manual_seed(0)
    device = next(iter([*network.parameters(), *network.buffers()]), torch.empty(0)).device
    probes = []
    for spec in specs:
        shape = (2, *(_OPEN_AXIS if k is None else k for k in spec.shape[1:]))
        probe = torch.rand(shape, generator=generator).to(device)
        probes.append(probe.to(getattr(torch, spec.dtype)))
    try:
        with torch.no_grad():
            expected, moved = network.run(probes), exact.run([_raised(probe) for probe in probes])
        return all(
            torch.allclose(a.double(), b.double(), rtol=1e-3, atol=1e-3 * float(a.abs().max()))
            for a, b in zip(expected, moved, strict=True)
        )
    except Exception:  # a stranger's layers
        return False
