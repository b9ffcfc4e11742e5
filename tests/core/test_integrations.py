"""Callbacks by name, from any package; nothing is imported before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from wganalyze import integrations


def test_names() -> None:
    assert {"LightningMonitor", "KerasMonitor", "KerasModelMonitor", "KerasNetwork"} <= {*dir(integrations)}
    with pytest.raises(AttributeError, match=r"has no attribute 'TorchMonitor'; there are: .*LightningMonitor"):
        _ = integrations.TorchMonitor


@pytest.mark.parametrize(("name", "library"), [("LightningMonitor", "lightning"), ("KerasMonitor", "keras")])
def test_a_library_that_is_missing(name: str, library: str) -> None:
    code = (
        "import sys\n"
        "for name in ('lightning', 'lightning.pytorch', 'pytorch_lightning', 'keras'):\n"
        "    sys.modules[name] = None\n"
        f"try:\n    from wganalyze.integrations import {name}\n"
        "except ImportError as error:\n    print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().endswith(f"pip install 'wganalyze[{library}]'")


def test_the_room_loads_no_library() -> None:
    code = "import sys, wganalyze.integrations; print({'torch', 'lightning', 'keras'} & {*sys.modules})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
