"""Factories named as text: imported from real files, with literal arguments."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from wganalyze.errors import TrustError, UsageError
from wganalyze.networks.factories import Net, import_factory, import_named

SOURCE = """
import helper_of_train

def make(*arguments, **keywords):
    return (VERSION, arguments, keywords)

class Nets:
    critic = staticmethod(make)

VERSION = helper_of_train.BASE + 1
NUMBER = 3
"""


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training script with a helper module beside it."""
    (tmp_path / "helper_of_train.py").write_text("BASE = 0\n")
    path = tmp_path / "train.py"
    path.write_text(SOURCE)
    monkeypatch.delitem(sys.modules, "helper_of_train", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return path


def called(net: Net) -> object:
    """What the factory gives."""
    factory, arguments, keywords = import_factory(net, "--critic")
    return factory(*arguments, **keywords)


@pytest.mark.parametrize(
    ("call", "arguments", "keywords"),
    [
        ("make", (), {}),
        ("make()", (), {}),
        ("make(64)", (64,), {}),
        ("make(64, wide=True)", (64,), {"wide": True}),
        ("make(-1.5, 'a:b(c)', [1, 2], {'k': None})", (-1.5, "a:b(c)", [1, 2], {"k": None}), {}),
        ("make((3, 64, 64), norm='batch')", ((3, 64, 64),), {"norm": "batch"}),
        ("Nets.critic(8)", (8,), {}),
        ("make(\n  64,\n)", (64,), {}),
    ],
)
def test_literal_arguments(train: Path, call: str, arguments: tuple[object, ...], keywords: dict[str, object]) -> None:
    assert called(Net(f"{train}:{call}")) == (1, arguments, keywords)


def test_the_arguments_of_the_configuration_win(train: Path) -> None:
    net = Net(f"{train}:make(1, a=2, b=3)", arguments={"b": 4, "c": 5})
    assert called(net) == (1, (1,), {"a": 2, "b": 4, "c": 5})


def test_a_file_is_found_beside_the_configuration(train: Path) -> None:
    assert called(Net("train.py:make", folder=train.parent)) == (1, (), {})


def test_a_module_is_found_in_the_working_folder(train: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train.rename(train.with_name("train_in_the_working_folder.py"))
    monkeypatch.chdir(train.parent)
    assert called(Net("train_in_the_working_folder:make(2)")) == (1, (2,), {})
    monkeypatch.delitem(sys.modules, "train_in_the_working_folder")


def test_an_edit_between_two_imports_is_seen(train: Path) -> None:
    assert called(Net(f"{train}:make")) == (1, (), {})
    train.write_text(SOURCE.replace("BASE + 1", "BASE + 2"))  # the same size, and often the same second
    assert called(Net(f"{train}:make")) == (2, (), {})


def test_two_files_of_the_same_name_do_not_mix(train: Path) -> None:
    other = train.parent / "other" / "train.py"
    other.parent.mkdir()
    other.write_text(SOURCE.replace("BASE + 1", "BASE + 5"))
    first, _, _ = import_factory(Net(f"{train}:make"), "--critic")
    second, _, _ = import_factory(Net(f"{other}:make"), "--critic")
    assert (first()[0], second()[0]) == (1, 5)


def test_the_search_path_is_left_as_it_was(train: Path) -> None:
    before = list(sys.path)
    called(Net(f"{train}:make"))
    assert sys.path == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("train.py", r"write MODULE:NAME or FILE\.py:NAME"),
        ("", r"write MODULE:NAME"),
        ("train.py:3", r"write MODULE:NAME"),
        ("train.py:make(x)", r"the arguments must be literals"),
        ("train.py:make(open('f'))", r"the arguments must be literals"),
        ("train.py:make(1", r"write MODULE:NAME"),
        ("train.py:make(1,,2)", r"the arguments must be literals"),
        ("train.py:make(*[1, 2])", r"the arguments must be literals"),
        ("train.py:make(**{'a': 1})", r"the arguments must be literals"),
        ("nowhere.py:make", r"--critic: there is no file .*nowhere\.py"),
        ("train.py:mkae", r"--critic train\.py:mkae: train\.py has no 'mkae'"),
        ("train.py:Nets.generator", r"has no 'generator'"),
        ("train.py:NUMBER", r"NUMBER cannot be called"),
        ("no_such_module_anywhere:make", r"importing no_such_module_anywhere failed \(ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_imported_is_a_usage_error(train: Path, text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        import_factory(Net(text, folder=train.parent), "--critic")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("1 / 0", r"ZeroDivisionError: division by zero"),
        ("def broken(:", r"SyntaxError"),
        (
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('x', type=int)\np.parse_args([])",
            r"SystemExit: 2, it ended the program\); put what it runs behind",
        ),
    ],
)
def test_a_module_that_raises_is_a_usage_error(train: Path, body: str, reason: str) -> None:
    train.write_text(body + "\n")
    before = list(sys.path)
    with pytest.raises(UsageError, match=rf"--critic: importing .*train\.py failed \({reason}"):
        import_named(Net(f"{train}:make"), "--critic")  # as data are: all of it is run
    assert sys.path == before


def test_an_untrusted_factory_is_not_imported(train: Path) -> None:
    train.write_text(
        "import pathlib\n"
        "def marked(make):\n    pathlib.Path(__file__).with_name('was_run').touch()\n    return make\n"
        "@marked\ndef make(): ...\n"
    )
    net = Net("train.py:make", trusted=False, folder=train.parent)
    with pytest.raises(TrustError, match=r"names the factory train\.py:make; .*--trust .*--critic .*train\.py:make"):
        import_factory(net, "--critic")
    assert not (train.parent / "was_run").exists()
    import_factory(Net("train.py:make", folder=train.parent), "--critic")
    assert (train.parent / "was_run").exists()
