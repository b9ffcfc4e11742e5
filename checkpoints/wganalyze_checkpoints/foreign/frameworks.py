"""Checkpoints of other frameworks, each with the shortest way from it to something that is read.

The way to weights alone is an npz of them by name: ``np.savez(FILE, **{name: array})``, which a factory is filled from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from wganalyze import Naming
from wganalyze_checkpoints.foreign.seen import Probe, Seen

_SAVED_MODEL = (
    'a TensorFlow SavedModel; in that TensorFlow: tf.keras.models.load_model(FOLDER).save("x.h5"), or tf2onnx: '
    "python -m tf2onnx.convert --saved-model FOLDER --output x.onnx"
)
_OF_SAVED_MODEL = {
    "saved_model.pb", "saved_model.pbtxt", "keras_metadata.pb", "fingerprint.pb", "variables", "assets", "assets.extra",
}  # fmt: skip
_OF_UNZIPPED = {"data.pkl", "version", "byteorder", ".data", ".format_version", ".storage_alignment", "data"}
_BUNDLE_FOOTER = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
"""Of LevelDB's tables, which the .index of a TensorFlow checkpoint is."""

_OBJECT_GRAPH = b"_CHECKPOINTABLE_OBJECT_GRAPH"
_MOST_INDEX = 2**20
_MOST_JSON = 2**16
_SHARD = re.compile(r"(.+)\.data-\d{5}-of-\d{5}$")

_LUA = "a file of Lua Torch: torchfile.load(FILE), of PyPI's torchfile, reads it; np.savez its weights by name"
_MXNET = (
    "MXNet parameters; in that MXNet: np.savez('x.npz', **{k.split(':')[-1]: v.asnumpy() for k, v in "
    "mx.nd.load(FILE).items()})"
)
_PADDLE = (
    "PaddlePaddle parameters; in that Paddle: np.savez('x.npz', **{k: v.numpy().T if v.ndim == 2 else v.numpy() for k, "
    "v in paddle.load(FILE).items()})"
)
_MATLAB = "a MATLAB file: np.savez('x.npz', **{k: v for k, v in scipy.io.loadmat(FILE).items() if k[0] != '_'})"

_BY_CONTENT: Sequence[tuple[re.Pattern[bytes], str]] = tuple(
    (re.compile(pattern, re.DOTALL), text)
    for pattern, text in (
        (rb"....TFL3", "a TFLite graph: python -m tf2onnx.convert --tflite FILE --output x.onnx"),
        (rb"\x12\x01\0{6}", _MXNET),
        (rb"(\x04\0{3}....|)\x03\0{3}V \d.{4}(nn|torch|cudnn)\.|(4\n\d+\n)?3\nV \d\n", _LUA),
        (rb"\x03\0{3}.{4}.{4}.{0,100}?(nn|torch|cudnn)\.[A-Z]", _LUA),
        (rb"GGUF", "a GGUF file, which holds a language model: give the weights that it was made of"),
        (rb"MATLAB 5\.0 MAT-file", _MATLAB),
        (rb"Julia data file", "a file of Julia (JLD2): write its weights as HDF5, or as npz by name (NPZ.jl)"),
        (rb"....ET\d\d", "a program of ExecuTorch: give the torch module that it was exported from"),
        (rb"\x89HDF\r\n\x1a\n", "an HDF5 file, which Keras did not write: data in it are named by --data h5:FILE#KEY"),
    )
)

_BY_NAME: Mapping[str, str] = {
    ".pdparams": _PADDLE,
    ".pdopt": "the optimizer of PaddlePaddle parameters, which holds no network",
    ".pdmodel": "a PaddlePaddle program: paddle2onnx --model_dir FOLDER --model_filename FILE --save_file x.onnx",
    ".pdiparams": "the parameters of a PaddlePaddle program: paddle2onnx takes them with the .pdmodel beside them",
    ".mlmodel": "a Core ML model: give the network that it was converted from",
    ".caffemodel": "a Caffe model: caffe2onnx, or np.savez its blobs by name",
    ".t7": _LUA,
    ".nnp": "a file of NNabla: nnabla_cli convert FILE x.onnx",
    ".params": _MXNET,
}

_FROZEN = (
    "a frozen graph of TensorFlow 1: python -m tf2onnx.convert --graphdef FILE --inputs z:0 --outputs NAME:0 "
    "--output x.onnx"
)
_TF1 = (
    "a checkpoint of TensorFlow 1; in any TensorFlow: r = tf.train.load_checkpoint(PREFIX); np.savez('x.npz', "
    "**{k: r.get_tensor(k) for k in r.get_variable_to_shape_map()})"
)
_TF2 = (
    "a checkpoint of TensorFlow 2 (tf.train.Checkpoint, or save_weights); in that TensorFlow: restore it into its "
    'model, and model.save_weights("x.weights.h5")'
)
_TFJS = (
    "a model of TensorFlow.js: tensorflowjs_converter --input_format tfjs_layers_model --output_format keras FILE x.h5"
)
_ORBAX = (
    "an Orbax checkpoint; in that JAX: open('x.msgpack', 'wb').write(flax.serialization.to_bytes("
    "ocp.StandardCheckpointer().restore(FOLDER)))"
)
_UNZIPPED = "a torch file that was unzipped; zip it again: cd FOLDER/.. && zip -0 -r x.pth FOLDER"
_CORE_ML = "a Core ML package: give the network that it was converted from"


def saved_model(seen: Seen) -> Naming | None:
    """A folder that is one; where other files lie in it, too, its main file with what belongs to it."""
    if seen.path.is_dir():
        entries = seen.entries()
        own = any(name in entries and not entries[name] for name in ("saved_model.pb", "saved_model.pbtxt"))
        return Naming(_SAVED_MODEL) if own and entries.keys() <= _OF_SAVED_MODEL else None
    if seen.name not in ("saved_model.pb", "saved_model.pbtxt"):
        return None
    beside = [seen.path.with_name(name) for name in _OF_SAVED_MODEL]
    inside = [path for name in ("variables", "assets") for path in _files(seen.path.with_name(name))]
    return Naming(_SAVED_MODEL, others=(*beside, *inside))


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir())[:1000] if path.is_file()] if folder.is_dir() else []


def folders(seen: Seen) -> Naming | None:
    """Orbax, Core ML and torch files as folders."""
    if not seen.path.is_dir():
        return None
    entries = seen.entries()
    if "_CHECKPOINT_METADATA" in entries or (
        {"_METADATA", "_sharding", "manifest.ocdbt"} & entries.keys() and "d" in entries
    ):
        return Naming(_ORBAX)
    if seen.suffix == ".mlpackage" and "Manifest.json" in entries:
        return Naming(_CORE_ML)
    if entries.get("data") and entries.get("data.pkl") is False and entries.keys() <= _OF_UNZIPPED:
        return Naming(_UNZIPPED)
    return None


def tensor_bundle(seen: Seen) -> Naming | None:
    """The .index of a TensorFlow checkpoint, to which its data, .meta and the list ``checkpoint`` belong."""
    if seen.name == "checkpoint" and seen.head.startswith((b"model_checkpoint_path:", b"all_model_checkpoint_paths:")):
        return Naming("a list of checkpoints", "configurations")
    shard = _SHARD.match(seen.path.name)
    if shard:
        return Naming(f"data of a TensorFlow checkpoint, whose {shard[1]}.index is missing: copy it, too")
    if seen.suffix != ".index" or not seen.size >= 48 or seen.tail(8) != _BUNDLE_FOOTER:
        return None
    stem = seen.path.name.removesuffix(".index")
    entries = seen.entries()
    own = [n for n in entries if n == f"{stem}.meta" or ((named := _SHARD.match(n)) is not None and named[1] == stem)]
    others = tuple(seen.path.with_name(name) for name in (*own, "checkpoint"))
    is_new = f"{stem}.meta" not in entries and _OBJECT_GRAPH in seen.more(_MOST_INDEX)
    return Naming(_TF2 if is_new else _TF1, others=others)


def tfjs(seen: Seen) -> Naming | None:
    """The model.json of TensorFlow.js, to which its shards belong."""
    if not seen.start.startswith(b"{") or seen.suffix != ".json":
        return None
    text = seen.more(_MOST_JSON) + seen.tail(_MOST_JSON)
    if b'"weightsManifest"' not in text and b'"modelTopology"' not in text:
        return None
    shards = [name for name in seen.entries() if re.fullmatch(r".*shard-?\d+(of\d+)?(\.bin)?", name)]
    return Naming(_TFJS, others=tuple(seen.path.with_name(name) for name in shards))


def frozen_graph(seen: Seen) -> Naming | None:
    """A GraphDef: nodes, each of a name and an operation."""
    if not seen.head.startswith(b"\x0a"):
        return None
    found = re.match(rb"\x0a[\x01-\x7f]|\x0a[\x80-\xff]{1,4}[\x01-\x7f]", seen.head)
    rest = seen.head[found.end() :] if found else b""
    if len(rest) < 2 or rest[0] != 0x0A or not 0 < rest[1] < 0x80:
        return None
    name, rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
    if len(rest) < 2 or rest[0] != 0x12 or not re.fullmatch(rb"[\w./\\-]+", name):
        return None
    return Naming(_FROZEN) if re.fullmatch(rb"\w+", rest[2 : 2 + rest[1]]) else None


def by_content(seen: Seen) -> Naming | None:
    """By its first bytes."""
    return next((Naming(text) for pattern, text in _BY_CONTENT if pattern.match(seen.head)), None)


def by_name(seen: Seen) -> Naming | None:
    """By its ending, where the first bytes say nothing."""
    text = _BY_NAME.get(seen.suffix)
    return Naming(text) if text and not seen.path.is_dir() else None


PROBES: tuple[Probe, ...] = (saved_model, folders, tensor_bundle, tfjs, frozen_graph, by_content, by_name)
