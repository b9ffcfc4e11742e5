"""The guess of the latent: its law, shape and labels."""

from __future__ import annotations

import math
from collections.abc import Iterable

from wganalyze.contracts.snapshot import Latent
from wganalyze.networks.mapping import is_transposed
from wganalyze.networks.piece import Piece
from wganalyze.settings.facts import Said
from wganalyze.snapshots.moment import Facts, Member

_LATENT_WIDTHS = (
    "latent_dim", "z_dim", "latent_size", "nz", "dim_z", "latent_width", "noiseVectorDim", "latentVectorDim", "latent",
)  # fmt: skip


def number_among(facts: Facts, names: Iterable[str]) -> float | None:
    """A finite number among the file's scalars, by the last component of its name."""
    for name in names:
        for key, value in facts.items():
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if number and key.rsplit(".", 1)[-1] == name:
                return float(value)
    return None


def guess_latent(generator: Member, said: Said, facts: Facts, assumptions: list[str]) -> Latent:
    """What the generator eats: said, or in the file, or read from the shape of the first layer and recorded."""
    law, shape = said.get("latent_law"), said.get("latent")
    if "input" in said:  # it is given data in place of a latent
        return Latent(classes=said.get("classes", 0), encoding=said.get("label_encoding", "index"))
    classes, encoding = said.get("classes"), said.get("label_encoding")
    if law is None:
        stored = next((v for k, v in facts.items() if k.rsplit(".", 1)[-1] == "latent_law"), None)
        law = "uniform" if stored == "uniform" else "normal"
        if stored is None:
            assumptions.append("latent law: standard normal (set [latent] law or --latent-law)")
    stated = _stated(generator.piece)
    if classes is None and stated.classes:
        classes, encoding = stated.classes, encoding or stated.encoding
    if shape is None and stated.shape:
        shape = stated.shape
    if shape is None:
        width = number_among(facts, _LATENT_WIDTHS)
        extra = (classes or 0) if encoding == "concat" else 0
        shape, where = _first_layer(generator.piece, None if width is None else int(width), extra)
        assumptions.append(f"latent shape {shape}: {where}")
    return Latent(law, tuple(shape or ()), classes or 0, encoding or "index")


def _stated(piece: Piece) -> Latent:
    """What the inputs of a program say: the latent's shape, and one-hot labels by their width."""
    if not piece.part.inputs:
        return Latent()
    first, *rest = piece.part.inputs
    axes = first.shape[1:] if first.shape else ()
    shape = tuple(k for k in axes if k is not None)
    if len(shape) < len(axes):
        shape = ()
    for other in rest[:1]:
        width = other.shape[1] if other.shape is not None and len(other.shape) == 2 else None
        if width is not None and width > 1:
            return Latent(shape=shape, classes=width, encoding="onehot")
        classes = piece.part.facts.get("classes")
        if "int" in other.dtype and isinstance(classes, int):
            return Latent(shape=shape, classes=classes)
    return Latent(shape=shape)


def _first_layer(piece: Piece, width: int | None, labels: int = 0) -> tuple[tuple[int, ...], str]:
    """Latent shape from the first weight: (in,) for a Linear, (in, 1, 1) for a transposed convolution.

    ``labels``: how many of its inputs are a one-hot label and no latent.
    """
    # What fills a factory's model has its axes the other way round, as Keras has them: (in, out), (h, w, out, in).
    of_linear, of_convolution = (0, 3) if piece.part.fill is not None else (1, 0)
    series = [(key, spec.shape) for key, spec in piece.plain_keys.items() if len(spec.shape) == 3]
    for key, spec in piece.plain_keys.items():
        if len(spec.shape) == 3 and piece.part.fill is None:
            following = next((shape for name, shape in series if name != key), None)
            if not is_transposed(spec.shape, following):  # it takes series, of a latent or of data
                break
            return (width or spec.shape[0] - labels, 1), f"the first layer of the generator, {key} {spec.shape}"
        if len(spec.shape) == 2:
            return (width or spec.shape[of_linear] - labels,), f"the first layer of the generator, {key} {spec.shape}"
        if len(spec.shape) == 4:
            shape = (width or spec.shape[of_convolution] - labels, 1, 1)
            return shape, f"the first layer of the generator, {key} {spec.shape}"
    return ((width,) if width else ()), "no layer shows it; set [latent] shape"
