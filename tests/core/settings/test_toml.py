"""The facts of a ``wganalyze.toml``, and which of two configurations has the last word."""

from __future__ import annotations

from pathlib import Path

import pytest

from wganalyze.errors import UsageError
from wganalyze.networks.factories import Net
from wganalyze.settings.facts import Said
from wganalyze.settings.toml import read_config

FULL = """
[generator]
factory = "train.py:Generator(64)"
weights = "raw"

[critic]
architecture = "dcgan-critic"
output = "probability"
orientation = -1

[critic.arguments]
width = 64

[latent]
law = "uniform"
shape = [100, 1, 1]
classes = 10
encoding = "onehot"

[data]
source = "digits"
normalize = { mean = [0.5, 0.4, 0.3], std = 0.5 }
held_out = false

[training]
gradient_penalty = 10

[run]
n = 500
replicates = 4
seed = 7

[files]
"method_*.pt" = "critic"
"*.bak" = "ignore"
"""


def written(folder: Path, text: str) -> Path:
    """A configuration file with this text."""
    path = folder / "wganalyze.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_fact_is_read(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, FULL), trusted=False)
    assert config == Said(
        generator=Net("train.py:Generator(64)", None, {}, False, tmp_path),
        critic=Net(None, "dcgan-critic", {"width": 64}, False, tmp_path),
        weights="raw",
        output="probability",
        orientation=-1,
        latent_law="uniform",
        latent=(100, 1, 1),
        classes=10,
        label_encoding="onehot",
        data="digits",
        normalize=((0.5, 0.4, 0.3), (0.5,)),
        held_out=False,
        gradient_penalty=10,
        n=500,
        replicates=4,
        seed=7,
        roles={"method_*.pt": "critic", "*.bak": "ignore"},
    )


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, ""), trusted=True) == Said()


def test_trust_is_what_the_caller_says(tmp_path: Path) -> None:
    path = written(tmp_path, '[critic]\nfactory = "a:B"\n')
    for trusted in (True, False):
        critic = read_config(path, trusted=trusted).critic
        assert critic is not None
        assert critic.trusted is trusted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[latnet]\nlaw = 'normal'", r"no section is called \[latnet\]; did you mean 'latent'"),
        ("[zzz]", r"no section is called \[zzz\]; there are: generator, critic"),
        ("n = 3", r"no section is called \[n\]"),
        ("run = 3", r"no section is called \[run\]"),
        ("[run]\nreplicate = 3", r"\[run\] has no key 'replicate'; did you mean 'replicates'"),
        ("[run]\nn = 'many'", r"\[run\] n = 'many'; write a number"),
        ("[run]\nn = 1.5", r"\[run\] n = 1\.5 is of the wrong type"),
        ("[run]\nn = true", r"\[run\] n = True is of the wrong type"),
        ("[critic]\norientation = true", r"\[critic\] orientation = True is of the wrong type"),
        ("[critic]\norientation = 0", r"\[critic\] orientation = 0; choose one of: 1, -1"),
        ("[training]\ngradient_penalty = true", r"gradient_penalty = True is of the wrong type"),
        ("[critic]\noutput = 'logits'", r"output = 'logits'; choose one of: score, logit, probability"),
        ("[latent]\nlaw = 'gauss'", r"choose one of: normal, uniform"),
        ("[latent]\nshape = ['a']", r"a value is of the wrong form"),
        ("[latent]\nshape = [1.5]", r"a value is of the wrong form"),
        ("[data]\nrange = [0]", r"a value is of the wrong form"),
        ("[data]\nnormalize = {mean = 0.5}", r"a value is of the wrong form .*std"),
        ("[files]\n'*.pt' = 'judge'", r"\[files\] maps patterns to one of generator, critic, ignore"),
        ("files = 3", r"\[files\] maps patterns"),
        ("[run", r"not a TOML file"),
    ],
)
def test_a_mistake_names_the_file_and_the_key(tmp_path: Path, text: str, reason: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError, match=reason) as caught:
        read_config(path, trusted=True)
    assert str(path) in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml: cannot be read \(No such file"):
        read_config(tmp_path / "nowhere.toml", trusted=True)
    path = tmp_path / "latin.toml"
    path.write_bytes("# Größe\n".encode("latin-1"))
    with pytest.raises(UsageError, match="not a TOML file"):
        read_config(path, trusted=True)


def test_what_is_said_first_wins_and_the_unsaid_is_taken_over() -> None:
    first = Said(n=10, held_out=False, generator=Net("a:B"))
    second = Said(n=20, seed=3, held_out=True, generator=Net("c:D"), critic=Net("e:F"))
    assert first.over(second) == Said(n=10, seed=3, held_out=False, generator=Net("a:B"), critic=Net("e:F"))
    assert Said().over(second) == second
    assert second.over(Said()) == second


def test_a_range_replaces_a_normalisation_and_the_other_way_round() -> None:
    ranged, normalised = Said(range=(0, 1)), Said(normalize=((0.5,), (0.5,)))
    assert ranged.over(normalised) == ranged
    assert normalised.over(ranged) == normalised
    assert Said(n=3).over(ranged) == Said(n=3, range=(0, 1))


def test_the_patterns_said_first_are_asked_first() -> None:
    line, file = Said(roles={"d_*.pt": "critic"}), Said(roles={"*.pt": "ignore", "d_*.pt": "generator"})
    assert list(line.over(file).roles.items()) == [("d_*.pt", "critic"), ("*.pt", "ignore")]
