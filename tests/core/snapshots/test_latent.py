"""What a generator eats: said, in the file, stated by a program, or read from its first layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from wganalyze.contracts.loader import Input, Part, TensorSpec
from wganalyze.networks.factories import Net
from wganalyze.settings.facts import Said

Make = Callable[..., Any]
MakePart = Callable[..., Part]
GENERATOR, CRITIC = Net(factory="torch.nn:Linear(3, 5)"), Net(factory="torch.nn:Linear(5, 1)")


def program(path: str, *inputs: Input) -> Part:
    """A part that is a program which runs no code of its file."""
    return Part(Path(path), "onnx", read_module=nn.Identity, runs_code=False, inputs=inputs)


def test_latent_and_penalty_from_the_file(opened: Make) -> None:
    facts = {"config": {"z_dim": 3, "latent_law": "uniform", "gradient_penalty": 10.0}}
    snapshot = opened(**{"a.pt": {"G": "G1", "D": "D2", **facts}}).only
    assert (snapshot.latent.shape, snapshot.latent.law, snapshot.penalty) == ((3,), "uniform", 10.0)
    assert not any("law" in text for text in snapshot.assumptions)


def test_latent_from_the_first_layer_is_an_assumption(opened: Make) -> None:
    snapshot = opened(**{"G.pt": "G1"}).only
    assert (snapshot.latent.shape, snapshot.latent.law) == ((3,), "normal")
    assert "latent shape (3,): the first layer of the generator, weight (5, 3)" in snapshot.assumptions
    assert "latent law: standard normal (set [latent] law or --latent-law)" in snapshot.assumptions


def test_the_latent_of_a_transposed_convolution_is_an_image(opened: Make) -> None:
    stored = nn.ConvTranspose2d(7, 4, 3).state_dict()
    said = Said(generator=Net(factory="torch.nn:ConvTranspose2d(7, 4, 3)"))
    assert opened(said, **{"G.pt": stored}).only.latent.shape == (7, 1, 1)


def test_what_is_said_is_no_assumption(opened: Make) -> None:
    said = Said(
        generator=GENERATOR, critic=CRITIC, latent_law="uniform", latent=(3,), gradient_penalty=5.0, classes=4,
        label_encoding="onehot",
    )  # fmt: skip
    snapshot = opened(said, **{"G.pt": {"net": "G1", "lambda_gp": 10.0}}).only
    latent = snapshot.latent
    assert (latent.law, latent.shape, latent.classes, latent.encoding) == ("uniform", (3,), 4, "onehot")
    assert snapshot.penalty == 5.0
    assert snapshot.assumptions == ()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "10"])
def test_a_fact_that_is_no_number_is_not_believed(opened: Make, value: object) -> None:
    snapshot = opened(**{"a.pt": {"G": "G1", "D": "D2", "lambda_gp": value, "nz": value}}).only
    assert snapshot.penalty is None
    assert snapshot.latent.shape == (3,)


@pytest.mark.parametrize(
    ("inputs", "shape", "classes"),
    [
        ([Input("z", (None, 96))], (96,), 0),
        ([Input("z", (1, 64, 1, 1))], (64, 1, 1), 0),
        ([Input("z", (None, 96)), Input("y", (None, 10), "float32")], (96,), 10),
        ([Input("z", (None, 96)), Input("y", (None,), "int64")], (96,), 0),
        ([Input("z", (None, 96)), Input("y", (None, 1), "float32")], (96,), 0),
        ([Input("z", (None, None))], (), 0),
        ([Input("z")], (), 0),
    ],
)
def test_a_program_states_its_latent(
    assembled: Make, inputs: list[Input], shape: tuple[int, ...], classes: int
) -> None:
    latent = assembled(program("generator.onnx", *inputs)).only.latent
    assert (latent.shape, latent.classes) == (shape, classes)
    assert latent.encoding == ("onehot" if classes else "index")


def test_a_program_may_state_how_many_labels_it_knows(assembled: Make) -> None:
    inputs = (Input("z", (None, 96)), Input("y", (None,), "int64"))
    part = Part(**{**vars(program("generator.onnx", *inputs)), "facts": {"classes": 7}})
    latent = assembled(part).only.latent
    assert (latent.shape, latent.classes, latent.encoding) == ((96,), 7, "index")


def test_what_is_said_goes_before_what_a_program_states(assembled: Make) -> None:
    inputs = (Input("z", (None, 96)), Input("y", (None, 10)))
    said = Said(latent=(7,), classes=3, label_encoding="index")
    latent = assembled(program("generator.onnx", *inputs), said=said).only.latent
    assert (latent.shape, latent.classes, latent.encoding) == ((7,), 3, "index")


def test_a_label_joined_to_the_latent_is_no_part_of_it(assembled: Make, weights: MakePart) -> None:
    said = Said(generator=Net("torch.nn:Linear(5, 1)"), classes=2, label_encoding="concat")
    assert assembled(weights("generator.pt"), said=said).only.latent.shape == (3,)


@pytest.mark.parametrize(("shape", "latent"), [((10, 128), (10,)), ((4, 4, 64, 100), (100, 1, 1))])
def test_weights_that_fill_a_model_have_their_axes_as_keras_has_them(
    assembled: Make, shape: tuple[int, ...], latent: tuple[int, ...]
) -> None:
    part = Part(
        Path("generator.weights.h5"),
        "keras-weights",
        keys={"k": TensorSpec(shape, "float32")},
        fill=lambda _: nn.Identity(),
    )
    assert assembled(part, said=Said(generator=Net("a:b"))).only.latent.shape == latent


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([nn.ConvTranspose1d(100, 8, 4), nn.ConvTranspose1d(8, 1, 4)], (100, 1)),
        ([nn.Conv1d(80, 8, 7), nn.ConvTranspose1d(8, 4, 4), nn.Linear(4, 3)], ()),
        ([nn.Linear(6, 8), nn.ConvTranspose1d(8, 1, 4)], (6,)),
    ],
)
def test_the_latent_of_a_network_of_series(opened: Make, layers: list[nn.Module], shape: tuple[int, ...]) -> None:
    said = Said(generator=Net(factory="torch.nn:Identity"))
    assert opened(said, **{"G.pt": nn.Sequential(*layers).state_dict()}).only.latent.shape == shape


def test_a_generator_of_images_lacks_what_it_is_given(opened: Make) -> None:
    stored = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 3, 3)).state_dict()
    plain = Said(generator=Net(factory="torch.nn:Identity"))
    snapshot = opened(plain, **{"G.pt": stored}).only
    assert snapshot.make_generator is None
    assert "0.weight, is a Conv2d that takes images of 3 channels" in snapshot.missing["generator"]
    for more in (Said(input="data"), Said(latent=(3, 8, 8))):
        given = opened(Said(**{**plain, **more}), **{"G.pt": stored}).only
        assert given.make_generator is not None
    assert opened(Said(**plain, input="data"), **{"G.pt": stored}).only.latent.shape == ()


def test_a_program_of_images_lacks_them_too(assembled: Make) -> None:
    snapshot = assembled(program("generator.onnx", Input("picture", (None, 3, 64, 64)))).only
    assert snapshot.missing["generator"].startswith(
        "generator.onnx: its input picture takes images (3, 64, 64): it maps"
    )
    said = Said(input="data")
    assert assembled(program("generator.onnx", Input("x", (None, 3, 64, 64))), said=said).only.make_generator
