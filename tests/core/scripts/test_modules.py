"""Modules of scripts: what lies beside them is taken like them, and all others are imported as ever."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wganalyze.errors import UsageError
from wganalyze.scripts.modules import filed, forget_modules, imported_beside, left_of, named

Write = Callable[[str, str], Path]
LOOPS = "\nfor epoch in range(3):\n    raise RuntimeError('it trains')\n"


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    """Writes a file below the folder of a project; modules of it are forgotten after the test."""
    before = dict(sys.modules)

    def make(name: str, source: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return path

    yield make
    forget_modules()
    for name in {*sys.modules} - {*before}:
        del sys.modules[name]
    sys.modules.update(before)


def of(path: Path) -> Any:
    """The module that a file is."""
    return filed(path, path.read_bytes())


def test_what_a_script_does_is_left_alone_and_what_it_imports_too(write: Write) -> None:
    write("blocks_beside.py", f"WIDTH = 3{LOOPS}")
    write("parts_beside/__init__.py", f"from .deep import Deep{LOOPS}")
    write("parts_beside/deep.py", f"class Deep: ...{LOOPS}")
    train = write(
        "train.py", f"from blocks_beside import *\nfrom parts_beside import Deep\nimport parts_beside.deep as d{LOOPS}"
    )
    module = of(train)
    assert module.WIDTH == 3
    assert module.Deep is module.d.Deep
    assert {*left_of(module)} == {"epoch"}


def test_what_a_neighbour_left_is_known(write: Write) -> None:
    write("config_beside.py", "def load(): raise RuntimeError\nopt = load()\n")
    module = of(write("train.py", "from config_beside import opt\n"))
    assert "config_beside.py line 2 `opt = load()` was left alone" in str(left_of(module)["opt"])
    module = of(write("other.py", "from config_beside import *\n"))
    assert left_of(module)["opt"].place == "config_beside.py line 2"


def test_a_script_in_a_package_imports_with_dots(write: Write) -> None:
    write("gan_pkg/__init__.py", LOOPS)
    write("gan_pkg/size.py", f"SIZE = 5{LOOPS}")
    write("gan_pkg/nets/__init__.py", "")
    write("gan_pkg/nets/layers.py", "WIDTH = 7\n")
    module = of(write("gan_pkg/nets/model.py", "from .layers import WIDTH\nfrom ..size import SIZE\n"))
    assert (module.WIDTH, module.SIZE) == (7, 5)
    plain = of(write("folder_without_init/model.py", "from .blocks import W\n".replace("blocks", "blocks2")))
    assert "W" in left_of(plain)
    write("folder_without_init/blocks2.py", "W = 9\n")
    forget_modules()
    assert of(plain_path := Path(plain.__file__)).W == 9, plain_path


def test_a_search_path_that_a_script_extends_counts_while_it_is_taken(write: Write, tmp_path: Path) -> None:
    write("library/deep_library.py", f"DEPTH = 4{LOOPS}")
    before = [*sys.path]
    source = f"import sys\nsys.path.append({str(tmp_path / 'library')!r})\nfrom deep_library import DEPTH\n"
    assert of(write("train.py", source)).DEPTH == 4
    assert sys.path == before


def test_installed_modules_are_imported_as_ever(write: Write) -> None:
    module = of(write("train.py", "import json\nimport torch.nn as nn\nclass G(nn.Module): ...\n"))
    assert module.json is sys.modules["json"]
    assert module.nn is sys.modules["torch.nn"]


def test_a_module_by_its_name(write: Write, tmp_path: Path) -> None:
    write("trainer_by_name.py", f"x = 3{LOOPS}")
    assert named("trainer_by_name", tmp_path).x == 3
    assert named("json.decoder", tmp_path) is sys.modules["json.decoder"]
    with pytest.raises(RuntimeError, match="it trains"):
        named("trainer_by_name", tmp_path, whole=True)


def test_data_are_what_the_whole_of_a_script_makes(write: Write) -> None:
    path = write("data.py", "def load(): return [len(open(__file__).name), 2][1:]\nreals = load()\n")
    assert filed(path, path.read_bytes(), whole=True).reals == [2]
    assert not hasattr(of(path), "reals")


def test_two_projects_with_packages_of_one_name(write: Write) -> None:
    for number in (1, 2):
        write(f"project{number}/models_of_project/__init__.py", f"N = {number}\n")
        train = write(f"project{number}/train.py", "from models_of_project import N\n")
        assert number == of(train).N


def test_what_was_imported_before_is_there_again(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("imported_before.py", "N = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import imported_before  # type: ignore[import-not-found]

    write("imported_before.py", "N = 2\n")
    assert of(write("train.py", "from imported_before import N\n")).N == 2
    assert sys.modules["imported_before"] is imported_before
    assert imported_before.N == 1


def test_imports_inside_functions_are_taken_like_others(write: Write, tmp_path: Path) -> None:
    write("imported_late.py", f"N = 6{LOOPS}")
    module = of(write("train.py", "def make():\n    from imported_late import N\n    return N\n"))
    with imported_beside(tmp_path):
        assert module.make() == 6


def test_dataclasses_find_their_module(write: Write) -> None:
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass C:\n    w: int = 4\n"
    )
    assert of(write("train.py", f"{source}c = C(5)\n")).c.w == 5


def test_a_notebook(write: Write) -> None:
    cells = ["!pip install x\nwidth = 3", "class G:\n    size = width", "for i in range(3): train()", "def (", "x = 3"]
    listed = ", ".join(f'{{"cell_type": "code", "source": {cell!r}}}'.replace("'", '"') for cell in cells)
    module = of(write("train.ipynb", f'{{"cells": [{listed}]}}'))
    assert (module.G.size, module.x) == (3, 3)
    assert left_of(module)["i"].place == "train.ipynb cell 3 line 1"
    with pytest.raises(UsageError, match="is no notebook"):
        of(write("empty.ipynb", ""))
