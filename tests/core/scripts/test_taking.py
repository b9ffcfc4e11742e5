"""Definitions of a script are taken; what it does is left alone, and known by its line."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wganalyze.scripts.constants import LEFT
from wganalyze.scripts.taking import Left, take

RUNS = "def work(*given): raise RuntimeError('the script was run')\n"


def taken(source: str, file: str = "/somewhere/train.py") -> dict[str, Any]:
    """The names that a source binds."""
    module = sys.modules["script_under_test"] = ModuleType("script_under_test")
    module.__file__ = file
    take(source, file, module.__dict__)
    return module.__dict__


def left(source: str) -> dict[str, str]:
    """What was left alone of a source, by name."""
    found: dict[str, Left] = taken(source)[LEFT]
    return {name: str(why) for name, why in found.items()}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("x = 64", 64),
        ("x: int = 3 * 64 * 64", 12288),
        ("a = 4\nb, *c = a, 2 * a, 3\nx = (a, b, c)", (4, 4, [8, 3])),
        ("a = [2**i for i in range(4)]\na.append(100)\na += [7]\nx = a[1:]", [2, 4, 8, 100, 7]),
        ("d = {'a': 1}\nd['b'] = 2\nd.update(c=3)\nx = d", {"a": 1, "b": 2, "c": 3}),
        ("import os\nx = os.path.join('a', 'b')", "a/b"),
        ("from pathlib import Path\nx = str(Path('a') / 'b')", "a/b"),
        ("import math\nx = int(math.log2(64))", 6),
        ("import numpy as np\nx = int(np.prod((1, 28, 28)))", 784),
        ("import torch\nx = torch.device('cuda' if torch.cuda.is_available() and False else 'cpu').type", "cpu"),
        ("from types import SimpleNamespace\nc = SimpleNamespace(a=1)\nc.b = 2\nx = c.a + c.b", 3),
        ("x = 1\nif x > 3:\n    y = 5\nelif x == 1:\n    x = 2", 2),
        ("x = 1 if 'a'.upper() == 'A' else 2", 1),
        ("x = f'{3:02d}'", "03"),
        ("g = lambda: work()\nx = 5", 5),
        ("try:\n    import no_such_package_anywhere as p\nexcept ImportError:\n    p = None\nx = p is None", True),
        ("try:\n    x = 1 / 0\nexcept ZeroDivisionError as e:\n    x = str(e)\nelse:\n    x = 0", "division by zero"),
        ("try:\n    pass\nexcept ValueError:\n    x = 1\nelse:\n    x = 2\nfinally:\n    z = 3", 2),
        ("from functools import partial\nx = partial(work, 1).args", (1,)),
        ("class A:\n    b = 3\nA.c = 4\nx = A.b + A.c", 7),
        ("class C:\n    b = 3\nc = C()\nx = c.b", 3),
        ("class C:\n    def __init__(self, b=2):\n        self.b = b\nx = C(5).b", 5),
        ("from typing import NamedTuple\nclass C(NamedTuple):\n    b: int = 3\nx = C().b", 3),
        ("x = 3\nif __name__ == '__main__':\n    x = work()", 3),
        ("x = 3\ndel x\nx = 4", 4),
        ("y = z = 2\nx = y + z", 4),
        ("if True:\n    def f(): return 3\nx = 1", 1),
    ],
)
def test_constants_and_definitions_are_taken(source: str, value: object) -> None:
    names = taken(RUNS + source)
    assert names["x"] == value
    assert names[LEFT] == {}


@pytest.mark.parametrize(
    "statement",
    [
        "x = work()",
        "x = [work() for _ in range(2)]",
        "x = dict(a=work())",
        "x = 3 if work() else 4",
        "x = max([1, 2], key=work)",
        "x = list(map(work, [1]))",
        "x = Trainer()",
        "x = Trainer.make()",
        "x, y = 1, work()",
        "for i in range(3):\n    x = work()",
        "while True:\n    x = work()",
        "with open('x') as x:\n    work()",
        "x = open('nothing')",
        "import torch\nx = torch.load('nothing')",
        "import json\nx = json.load(open('nothing'))",
        "import subprocess\nx = subprocess.run(['false'])",
        "import os\nx = os.makedirs('nothing')",
        "import os\nx = os.environ.pop('HOME')",
        "from pathlib import Path\nx = Path('nothing').mkdir()",
        "x = [].append(work())",
        "if work():\n    x = 1\nelse:\n    x = 2",
        "if __name__ == '__main__':\n    x = work()",
        "import no_such_package_anywhere as x",
        "from os import no_such_name as x",
        "@work\ndef x(): ...",
        "class x(Missing): ...",
        "async def f(): ...\nx = f()",
        "x = (yield_ := work())",
        "import functools\nx = functools.reduce(work, [1, 2])",
    ],
)
def test_what_runs_code_is_left_with_its_line(statement: str) -> None:
    source = f"{RUNS}class Trainer:\n    def __init__(self): work()\n    make = staticmethod(work)\n{statement}\n"
    names = taken(source)
    assert "x" not in names
    why = names[LEFT]["x"]
    assert why.place.startswith("train.py line ")
    assert why.text
    assert source.splitlines()[int(why.place.rpartition(" ")[2]) - 1].strip()


@pytest.mark.parametrize(
    "call", ["work()", "print(work())", "import torch\ntorch.manual_seed(work())", "1 / 0", "'doc'"]
)
def test_calls_alone_are_not_made(call: str) -> None:
    names = taken(f"{RUNS}{call}\ny = 2\n")
    assert (names["y"], names[LEFT]) == (2, {})


def test_it_says_the_line_and_what_it_waits_for() -> None:
    why = left(f"{RUNS}opt = work()\nnc = opt.channels\n")
    assert why["opt"] == "train.py line 2 `opt = work()` was left alone: it runs code of the script"
    assert why["nc"] == f"train.py line 3 `nc = opt.channels` was left alone: it needs opt: {why['opt']}"
    (missing,) = left("import no_such_package_anywhere").values()
    assert missing.endswith("ModuleNotFoundError: No module named 'no_such_package_anywhere'")
    assert "in a copy" not in taken("import nothing_of_that_name")[LEFT]["nothing_of_that_name"].remedy
    (guarded,) = left("if __name__ == '__main__':\n    opt = 3").values()
    assert guarded == "train.py line 2 `opt = 3` was left alone: it stands under if __name__ == '__main__'"


def test_a_constant_that_a_loop_changes_is_none_and_a_class_stays() -> None:
    """Its value would be another one in the script; a class that is bound anew was meant all the same."""
    names = taken(f"{RUNS}width = 3\nfor i in range(2):\n    width = work()\nclass G: ...\nG = work(G)\n")
    assert "width" not in names
    assert "width" in names[LEFT]
    assert isinstance(names["G"], type)
    again = taken(f"{RUNS}x = work()\nx = 3\n")
    assert (again["x"], again[LEFT]) == (3, {})


def test_others_things_are_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    import math

    monkeypatch.setattr(math, "tau", 6.0)
    taken("import math\nmath.tau = 0\nmath.own = 1\nmath.__dict__['pi'] = 3\n")
    assert math.tau == 6.0
    assert not hasattr(math, "own")
    assert math.pi > 3


def test_one_name_of_an_import_that_fails_takes_no_other_along() -> None:
    names = taken("from math import pi, no_such_number, e\nimport os, nothing_of_that_name\n")
    assert {"pi", "e", "os"} <= {*names}
    assert {*names[LEFT]} == {"no_such_number", "nothing_of_that_name"}


def test_what_a_file_asks_of_the_language_counts_for_each_statement() -> None:
    names = taken("from __future__ import annotations\ndef f(x: NoSuchName) -> Neither: ...\n")
    assert names["f"].__annotations__ == {"x": "NoSuchName", "return": "Neither"}


def test_a_source_that_is_no_python() -> None:
    with pytest.raises(SyntaxError):
        taken("def broken(:")


def test_a_function_that_reads_a_command_line_is_called_and_one_that_does_more_is_not() -> None:
    parses = "def get():\n    values = {'a': 1}\n    values.update(b=2)\n    return values\n"
    assert taken(f"{parses}x = get()")["x"] == {"a": 1, "b": 2}
    assert "x" not in taken(f"{RUNS}{parses.replace('return', 'work(); return')}x = get()")
    assert "x" not in taken(
        f"{parses.replace('    return', '    with open(0): pass' + chr(10) + '    return')}x = get()"
    )


def test_lines_are_those_of_the_file() -> None:
    names = taken(f"\n\n{RUNS}")
    with pytest.raises(RuntimeError) as caught:
        names["work"]()
    trace = caught.tb
    while trace.tb_next is not None:
        trace = trace.tb_next
    assert (Path(trace.tb_frame.f_code.co_filename).name, trace.tb_lineno) == ("train.py", 3)
