"""What a ``wganalyze.toml`` says."""

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
normalize = { mean = [0.5, 0.4, 0.3], std = [0.5, 0.5, 0.25] }
held_out = false

[training]
gradient_penalty = 10

[run]
analyzers = ["exact-w", "kmeans"]
skip = ["kmeans"]
n = 500
budget = "2m"
replicates = 4
seed = 7
options = { "exact-w.metric" = "l1", "exact-w.sizes" = [1, 2] }

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
        normalize=((0.5, 0.4, 0.3), (0.5, 0.5, 0.25)),
        held_out=False,
        gradient_penalty=10,
        only=("exact-w", "kmeans"),
        skip=("kmeans",),
        n=500,
        budget=120.0,
        replicates=4,
        seed=7,
        options={"exact-w.metric": "l1", "exact-w.sizes": [1, 2]},
        roles={"method_*.pt": "critic", "*.bak": "ignore"},
    )


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, ""), trusted=True) == Said()


def test_trust_is_what_the_caller_says(tmp_path: Path) -> None:
    path = written(tmp_path, '[critic]\nfactory = "a:B"\n')
    for trusted in (True, False):
        critic = read_config(path, trusted=trusted)["critic"]
        assert critic == Net("a:B", trusted=trusted, folder=tmp_path)


def test_options_may_stand_in_sections_of_their_own(tmp_path: Path) -> None:
    text = '[run.options]\nable.count = 4\n"other.deep" = true\n[run.options.third]\nname = "p,q"\n'
    said = read_config(written(tmp_path, text), trusted=True)
    assert said == Said(options={"able.count": 4, "other.deep": True, "third.name": "p,q"})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[latnet]\nlaw = 'normal'", r"no section is called \[latnet\]; did you mean 'latent'"),
        ("[zzz]", r"no section is called \[zzz\]; there are: data, run, generator, critic"),
        ("n = 3", r"no section is called \[n\]"),
        ("run = 3", r"no section is called \[run\]"),
        ("[run]\nreplicate = 3", r"\[run\] has no key 'replicate'; did you mean 'replicates'"),
        ("[run]\nn = 'many'", r"\[run\] n = 'many': write a whole number from 2 on, or max"),
        ("[run]\nn = 1.5", r"\[run\] n = 1\.5: write a whole number"),
        ("[run]\nn = true", r"\[run\] n = True: write a whole number"),
        ("[run]\nanalyzers = [3]", r"\[run\] analyzers = \[3\]: write names"),
        ("[run]\nanalyzers = 3", r"\[run\] analyzers = 3: write names"),
        ("[run]\noptions = 3", r"\[run\] options = 3: write ANALYZER\.KEY=VALUE"),
        ("[run]\ndevice = 'cpu'", r"\[run\] has no key 'device'"),
        ("[critic]\norientation = true", r"\[critic\] orientation = True: choose one of: 1, -1"),
        ("[critic]\norientation = 0", r"\[critic\] orientation = 0: choose one of: 1, -1"),
        ("[critic]\nfactory = 3", r"\[critic\] factory = 3 is of the wrong type"),
        ("[critic]\narguments = 3", r"\[critic\] arguments = 3 is of the wrong type"),
        ("[training]\ngradient_penalty = true", r"gradient_penalty = True: write a number from 0 on"),
        ("[critic]\noutput = 'logits'", r"output = 'logits': choose one of: score, logit, probability"),
        ("[latent]\nlaw = 'gauss'", r"law = 'gauss': choose one of: normal, uniform"),
        ("[latent]\nshape = ['a']", r"shape = \['a'\]: write whole numbers"),
        ("[latent]\nshape = [1.5]", r"shape = \[1\.5\]: write whole numbers"),
        ("[data]\nrange = [0]", r"range = \[0\]: write LOW,HIGH"),
        ("[data]\nnormalize = {mean = 0.5}", r"normalize = {'mean': 0\.5}: write MEAN,STD"),
        ("[data]\nheld_out = 1", r"held_out = 1: not of the type bool"),
        ("[data]\nsource = 1", r"source = 1: name a source as a text"),
        ("[files]\n'*.pt' = 'judge'", r"\[files\]: write PATTERN=ROLE with the role generator, critic or ignore"),
        ("[files]\n'*.pt' = 3", r"\[files\]: write PATTERN=ROLE"),
        ("files = 3", r"no section is called \[files\]"),
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
