"""The tables of the bracket: their columns, and rows of layers, segments and rungs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wganalyze import Table
from wganalyze_plugins.lipschitz.places import QUANTILES

if TYPE_CHECKING:
    from wganalyze_plugins.lipschitz.bounds.ladder import Rung
    from wganalyze_plugins.lipschitz.bounds.products.product import Stage

Row = dict[str, float | int | str | None]

SEGMENT = {
    "position": "int64",
    "segment": "string",
    "shape_in": "string",
    "shape_out": "string",
    "norm_lower": "float64",
    "norm_upper": "float64",
    "certificate": "string",
    "followed_by": "string",
    "slope": "float64",
}
TABLES = (
    Table(
        "layers",
        "One row per factor of the product bound: affine chains as one operator, other layers by their rule.",
        {
            "position": "int64",
            "layer": "string",
            "kind": "string",
            "shape_in": "string",
            "shape_out": "string",
            "norm_lower": "float64",
            "norm_upper": "float64",
            "method": "string",
            "certificate": "string",
            "kernel_norm": "float64",
        },
    ),
    Table(
        "segments",
        "One row per affine map between other layers: its norm, and what follows it with its steepest slope.",
        SEGMENT,
    ),
    Table(
        "slopes",
        "One row per method that looked for a steep slope.",
        {"method": "string", "slope": "float64"},
    ),
    Table(
        "witness",
        "The two points between which the slope lipschitz_lower was evaluated, a row a coordinate.",
        {"coordinate": "int64", "first": "float64", "second": "float64"},
    ),
    Table(
        "rungs",
        "One row per upper bound: those that a critic has not come with the reason.",
        {
            "method": "string",
            "upper": "float64",
            "certificate": "string",
            "seconds": "float64",
            "reason": "string",
        },
    ),
    Table(
        "gradients",
        "The distribution of gradient norms by place, over all replicates.",
        {
            "place": "string",
            "count": "int64",
            "mean": "float64",
            "deviation": "float64",
            "least": "float64",
            **dict.fromkeys(QUANTILES, "float64"),
            "largest": "float64",
        },
    ),
)


def rung(found: Rung) -> Row:
    """Of the table of rungs."""
    value = found.value if math.isfinite(found.value) else None
    return {
        "method": found.method,
        "upper": value,
        "certificate": found.certificate,
        "seconds": found.seconds,
        "reason": found.reason,
    }


def layer(position: int, stage: Stage) -> Row:
    """Of the table of layers."""
    return {
        "position": position,
        "layer": stage.layer,
        "kind": stage.kind,
        "shape_in": "x".join(map(str, stage.shape_in)),
        "shape_out": "x".join(map(str, stage.shape_out)),
        "norm_lower": stage.bracket.lower,
        "norm_upper": stage.bracket.upper,
        "method": stage.bracket.method,
        "certificate": stage.bracket.certificate,
        "kernel_norm": stage.kernel_norm,
    }


def segments(stages: Sequence[Stage]) -> list[Row]:
    """Affine stages, each with the layers that are not affine up to the next one, in the order of the graph."""
    rows: list[Row] = []
    for place, stage in enumerate(stages):
        if not stage.affine:
            continue
        after = next((k for k, each in enumerate(stages[place + 1 :], place + 1) if each.affine), len(stages))
        row = {**layer(len(rows), stage), "segment": stage.layer}
        behind = stages[place + 1 : after]
        row["followed_by"] = " + ".join(each.kind for each in behind)
        row["slope"] = math.prod(each.bracket.upper for each in behind)
        rows.append({key: row[key] for key in SEGMENT})
    return rows
