"""The table of methods: complete, sourced, each with presets that its loss understands."""

from __future__ import annotations

import pytest

from wganalyze_zoo import METHODS, find_method
from wganalyze_zoo.methods.table import listed, owner_of

SYSTEMS = {
    "gan", "gan-saturating", "fgan-kl", "fgan-rkl", "fgan-pearson", "fgan-hellinger", "fgan-js", "ebgan", "began",
    "gan-noise", "wgan", "wgan-gp", "wgan-lp", "wgan-div", "sngan", "wgan-c", "wgan-ceps", "cowgan", "primal",
    "primal-stratified", "kmeans", "kmedians",
}  # fmt: skip


def test_every_system_is_there() -> None:
    assert {*METHODS} == SYSTEMS
    assert [entry.name for entry in listed()][: len(METHODS)] == [*METHODS]
    assert all(find_method(name).name == name for name in SYSTEMS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_what_it_is_and_where_it_is_from(name: str) -> None:
    method = METHODS[name]
    assert method.help
    assert "\n" not in method.help
    assert method.source
    for preset in (method.toy, method.plane, method.published):
        if preset is not None:
            assert {*preset.numbers} <= {*method.loss.numbers}
    if method.loss.critic is not None:
        assert method.published is not None
        assert method.published.source != method.toy.source
        assert method.loss.estimate is not None


def test_published_settings_are_the_papers() -> None:
    def published(name: str) -> tuple[float, tuple[float, float], int, int]:
        preset = METHODS[name].published
        assert preset is not None
        return preset.critic.rate, preset.critic.betas, preset.n_critic, preset.batch

    assert published("wgan-gp") == (1e-4, (0.0, 0.9), 5, 64)
    assert (published("wgan")[0], *published("wgan")[2:]) == (5e-5, 5, 64)
    wgan = METHODS["wgan"].published
    assert wgan is not None
    assert wgan.critic.kind == "rmsprop"


def test_a_loss_has_its_own_name_or_that_of_a_method() -> None:
    assert owner_of("hinge") is owner_of("sngan") is METHODS["sngan"]
    assert owner_of("wgan-gp").loss is owner_of("wgan").loss
    assert owner_of("gan") is METHODS["gan"]
