"""What the user's own code raised, in the words of the user: its file and line, and what it asked for in vain."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from wganalyze.scripts.constants import LEFT
from wganalyze.scripts.modules import left_of
from wganalyze.scripts.taking import Left
from wganalyze.text import one_line, reason_of

LONGEST = 200
_GPU = re.compile(r"\bCUDA\b|\bNVIDIA\b|\bcuda\b|HIP GPUs", re.ASCII)


def fault_of(error: BaseException, code: str = "its code") -> str:
    """In one line; ``code``: whose it is ("the code of gen")."""
    return known_cause(error, code) or one_line(reason_of(error), LONGEST)


def known_cause(error: BaseException, code: str) -> str:
    """What stands behind an error: a name that was left alone, CUDA on a machine without it; "" for all else."""
    missing = _left(error)
    if missing is not None:
        return f"{missing}; {code} needs it: {missing.remedy}"
    if _GPU.search(str(error)) and not _has_gpu():
        return f"{code} asks for CUDA, which this machine lacks: use z.device"
    return ""


def place_of(error: BaseException) -> str:
    """ ", nets.py line 12": the innermost line of a script that the error came through; "" where it met none."""
    for frame, number in reversed([*traceback.walk_tb(error.__traceback__)]):
        if LEFT in frame.f_globals:
            return f", {Path(frame.f_code.co_filename).name} line {number}"
    return ""


def _left(error: BaseException) -> Left | None:
    """What an error is about that was left alone: a name of the module that it was raised in, or of another one."""
    name: Any = getattr(error, "name", None)
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        return left_of(error.obj).get(name)
    if not isinstance(error, NameError):
        return None
    last = _last(error.__traceback__)
    module = ModuleType("")
    vars(module).update({} if last is None else last.tb_frame.f_globals)
    return left_of(module).get(name)


def _last(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())
