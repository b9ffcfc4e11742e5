"""Parts of a file: their sizes, and what they hold."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from wganalyze.contracts.loader import Part, TensorSpec

SHAPES = st.lists(st.integers(0, 9), max_size=4).map(tuple)


@given(SHAPES)
def test_the_size_of_a_tensor_is_the_product_of_its_shape(shape: tuple[int, ...]) -> None:
    assert TensorSpec(shape, "float32").size == math.prod(shape)


@given(st.dictionaries(st.text(min_size=1), SHAPES))
def test_the_parameters_of_a_part_are_all_elements(shapes: dict[str, tuple[int, ...]]) -> None:
    part = Part(Path("a.pt"), "kind", keys={key: TensorSpec(shape, "float32") for key, shape in shapes.items()})
    assert part.parameters == sum(math.prod(shape) for shape in shapes.values())


@pytest.mark.parametrize(
    ("readers", "program", "content"),
    [
        ([], False, False),
        (["read_tensors"], False, True),
        (["read_module"], True, True),
        (["read_module", "fill"], True, True),
        (["read_module", "read_tensors"], False, True),
        (["fill"], False, True),
        (["read_samples"], False, True),
    ],
)
def test_what_a_part_holds_is_known_by_its_readers(readers: list[str], program: bool, content: bool) -> None:
    part = Part(Path("a.pt"), "kind", facts={"epoch": 3}, **dict.fromkeys(readers, nn.Identity))  # type: ignore[arg-type]
    assert (part.is_program, part.has_content) == (program, content)


@pytest.mark.parametrize(
    ("readers", "takes"),
    [
        (["read_tensors"], True),
        (["fill"], True),
        (["read_module"], False),
        (["read_module", "fill"], True),
        (["read_module", "read_weights"], True),
        (["read_samples"], False),
    ],
)
def test_what_a_factory_can_take(readers: list[str], takes: bool) -> None:
    part = Part(Path("a.pt"), "kind", **dict.fromkeys(readers, nn.Identity))  # type: ignore[arg-type]
    assert part.takes_factory is takes
    assert part.is_program == ("read_module" in readers), "and it stays a program"
