"""What a Keras model's configuration says without Keras: its layers, its inputs, and whose code it asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wganalyze import Input, one_line

# What Keras itself makes from numbers alone. Not here: Lambda (bytecode), TorchModuleWrapper (a pickle), FlaxLayer and
# JaxLayer (functions), TFSMLayer, StringLookup, IntegerLookup and TextVectorization (they open other files).
_OWN_LAYERS = re.compile(
    r"Sequential|Functional|Model|Layer|InputLayer|Wrapper|Bidirectional|TimeDistributed|SpectralNormalization"
    r"|Dense|EinsumDense|Embedding|ReversibleEmbedding|Flatten|Reshape|Permute|RepeatVector|Identity|Masking"
    r"|(Depthwise|Separable)?Conv[123]D|Conv[123]DTranspose|ConvLSTM[123]D|(Adaptive|Global)?(Average|Max)Pooling[123]D"
    r"|(UpSampling|ZeroPadding|Cropping|SpatialDropout)[123]D|Resizing|Rescaling|CenterCrop"
    r"|(Sync)?BatchNormalization(V[12])?|(Layer|Group|RMS|Unit)?Normalization"
    r"|Activation|(Leaky|P|Thresholded)?ReLU|ELU|GELU|Softmax|ActivityRegularization"
    r"|(Alpha|Gaussian)?Dropout|GaussianNoise|Random(Brightness|Contrast|Crop|Flip|Rotation|Translation|Zoom)"
    r"|Add|Average|Concatenate|Dot|Maximum|Minimum|Multiply|Subtract"
    r"|(Additive|MultiHead|GroupQuery)?Attention|RNN|StackedRNNCells|(LSTM|GRU|SimpleRNN)(Cell)?"
    r"|CategoryEncoding|Discretization|(Mel|STFT)Spectrogram"
)
_OWN_OTHERS = re.compile(
    r"Zeros|Ones|Constant|VarianceScaling|(Glorot|He|Lecun|Random)(Normal|Uniform)|TruncatedNormal"
    r"|(Orthogonal|Identity|STFT)Initializer|Orthogonal"
    r"|L1|L2|L1L2|OrthogonalRegularizer|MaxNorm|MinMaxNorm|NonNeg|UnitNorm"
    r"|(Float)?DTypePolicy|DTypePolicyMap|Policy"
)
MODELS = ("Sequential", "Functional", "Model")
_DATA = frozenset(
    [
        "__keras_tensor__",
        "__tensor__",
        "__numpy__",
        "__bytes__",
        "__ellipsis__",
        "__slice__",
        "__tuple__",
        "TensorShape",
    ]
)
HARD_SIGMOID = "wganalyze>hard_sigmoid_of_keras_2"
"""max(0, min(1, 0.2 x + 0.5)), which is registered when a model is loaded: Keras 3 calls another function so."""
_OWN_MODULES = ("activations", "constraints", "initializers", "losses", "metrics", "ops", "optimizers", "regularizers")


@dataclass(frozen=True, slots=True)
class Asked:
    """A class or function that a configuration asks for; ``registered``: the name that Keras would look it up by."""

    module: str
    name: str
    registered: str = ""

    @property
    def text(self) -> str:
        """ "module.name", or the name alone."""
        return f"{self.module}.{self.name}" if self.module else self.name

    @property
    def is_code(self) -> bool:
        """Does the file itself hold what would run, so that no import can supply it?"""
        return self.name in ("Lambda", "__lambda__")


def foreign(config: Mapping[str, Any]) -> tuple[Asked, ...]:
    """What making the model would run beside Keras's own arithmetic, each once, in order of appearance."""
    strangers: dict[Asked, None] = {}
    for node in _objects(config):
        asked = _asked(node)
        if asked is not None:
            strangers[asked] = None
    return tuple(strangers)


def is_own(node: Mapping[str, Any]) -> bool:
    """Is this an object that Keras itself makes, from numbers alone?"""
    return _asked(node) is None


def is_layer(node: Mapping[str, Any]) -> bool:
    """Is this a layer or a model of Keras's own?"""
    return is_own(node) and _OWN_LAYERS.fullmatch(str(node.get("class_name"))) is not None


def _objects(config: object) -> Iterator[Mapping[str, Any]]:
    """Every object of a class in it but how it was trained; by a stack: files may be nested deeper than Python is."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            if "class_name" in value:
                yield value
            waiting += [item for key, item in value.items() if key != "compile_config"][::-1]
        elif isinstance(value, list):
            waiting += value[::-1]


def _asked(node: Mapping[str, Any]) -> Asked | None:
    """What a node asks for beyond Keras's own."""
    is_function = node["class_name"] == "function"
    name = str(node.get("config") if is_function else node["class_name"])
    module, registered = str(node.get("module") or ""), str(node.get("registered_name") or name)
    if name in _DATA or (is_function and name == registered == HARD_SIGMOID):
        return None
    if module == "builtins" and is_function and registered == name:
        return None  # looked up among Keras's activations, losses and the like, by name
    place = module.removeprefix("keras.").removeprefix("src.").partition(".")[0]
    own = not module or module == "keras" or module.startswith("keras.")
    known = _OWN_LAYERS.fullmatch(name) or _OWN_OTHERS.fullmatch(name)
    if own and registered == name and (known or (module and place in _OWN_MODULES)):
        return None
    if name in ("Lambda", "__lambda__"):
        return Asked("keras.layers", "Lambda")
    return Asked(one_line(module, 100), one_line(name, 100), one_line(registered, 100))


def layers(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes of the layers, in order, without inputs."""
    names = (str(layer.get("class_name")) for layer in layers_of(config))
    return tuple(name for name in names if name != "InputLayer")


def name_of(config: Mapping[str, Any]) -> str:
    """The name that the trainer gave the model, or Keras did."""
    inner = config.get("config")
    return one_line(inner.get("name", ""), 100) if isinstance(inner, Mapping) else ""


def name_in_graph(layer: Mapping[str, Any]) -> str:
    """The name by which the calls of a functional model know a layer."""
    return str(layer.get("name") or name_of(layer))


def inputs(config: Mapping[str, Any]) -> tuple[Input, ...]:
    """What the model takes, shapes as in the file (channels last): the data first, labels behind."""
    entries = [*_inputs(config)]
    if len(entries) > 1:
        entries.sort(key=lambda i: (i.dtype.lstrip("u").startswith("int"), i.shape == (None, 1)))
    return tuple(entries)


def layers_of(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a model says of its layers, in order."""
    inner = config.get("config")
    listed = inner if isinstance(inner, list) else inner.get("layers") if isinstance(inner, Mapping) else None
    return [layer for layer in listed if isinstance(layer, Mapping)] if isinstance(listed, list) else []


def _inputs(config: Mapping[str, Any], depth: int = 0) -> Iterator[Input]:
    inner = config.get("config")
    stated = inner.get("input_layers") if isinstance(inner, Mapping) else None
    if stated is not None:
        by_name = {name_of(layer): layer for layer in layers_of(config)}
        for name in _first_names(stated):
            yield from _input(by_name[name]) if name in by_name else ()
        return
    first = next(iter(layers_of(config)), None)
    if first is not None and (first.get("class_name") == "InputLayer" or _shape_of(first) is not None):
        yield from _input(first)
    elif first is not None and layers_of(first) and depth < 8:
        yield from _inputs(first, depth + 1)
    else:
        built = config.get("build_config")
        shape = built.get("input_shape") if isinstance(built, Mapping) else None
        shape = _shape(inner.get("build_input_shape") if shape is None and isinstance(inner, Mapping) else shape)
        yield from () if shape is None else (Input("", shape, "float32"),)


def _first_names(value: object) -> Iterator[str]:
    """The layers of ``["z", 0, 0]``, ``[["z", 0, 0], ["label", 0, 0]]``, ``{"z": ["z", 0, 0]}``."""
    for node in [*value.values()] if isinstance(value, Mapping) else value if isinstance(value, list) else []:
        if isinstance(node, str):
            yield node
            return
        if isinstance(node, list) and node and isinstance(node[0], str):
            yield node[0]


def _input(layer: Mapping[str, Any]) -> Iterator[Input]:
    inner = layer.get("config")
    dtype = inner.get("dtype") if isinstance(inner, Mapping) else None
    if isinstance(dtype, Mapping):
        dtype = name_of(dtype)
    yield Input(name_of(layer), _shape_of(layer), dtype if isinstance(dtype, str) else "float32")


def _shape_of(layer: Mapping[str, Any]) -> tuple[int | None, ...] | None:
    inner = layer.get("config")
    if not isinstance(inner, Mapping):
        return None
    return _shape(inner.get("batch_shape") or inner.get("batch_input_shape"))


def _shape(value: object) -> tuple[int | None, ...] | None:
    if isinstance(value, Mapping):
        value = value.get("items")  # a tuple, in the JSON of Keras 2
    if not isinstance(value, list) or not all(k is None or isinstance(k, int) for k in value):
        return None
    return tuple(value)
