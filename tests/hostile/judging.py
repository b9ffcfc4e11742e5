"""A process that offers files to the command line, each in a fork of its own, and measures what each one costs.

Reads from stdin a JSON list of command lines of one verb, and from its command line the path of a harmless file.
Writes one JSON object for each: exit code, output, CPU seconds, peak memory above that for the harmless file, and what
it did that reading a file does not need.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
import sys
import time
from typing import Any

from wganalyze.cli import call

PATIENCE = 30
"""Seconds before a fork is ended: far more than a test allows."""
ROOM = 4 * 2**30
"""Bytes that a fork may take beyond what there is: far more than a test allows, and less than a machine has."""
HARM = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pickle.find_class", "socket.connect")


def watched(arguments: list[str]) -> dict[str, Any]:
    """What the command line answers, and what it does that reading a file does not need."""
    deeds: list[str] = []

    def watch(event: str, details: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(details[1], str) and set(details[1]) & set("wax+")
        if event.startswith(HARM) or (writes and "report" not in str(details[0])):
            deeds.append(f"{event} {details}")

    sys.addaudithook(watch)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = call(arguments)
    heavy = sorted({"torch", "pandas", "keras", "onnxruntime"} & sys.modules.keys())
    return {"code": code, "out": out.getvalue(), "err": err.getvalue(), "deeds": deeds, "imported": heavy}


def forked(arguments: list[str]) -> dict[str, Any]:
    """The same in a fork, with its cost; a fork that dies says by which signal."""
    reading, writing = os.pipe()
    start = time.perf_counter()
    child = os.fork()
    if not child:
        os.close(reading)
        signal.alarm(PATIENCE)
        resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
        with os.fdopen(writing, "w") as pipe:
            json.dump(watched(arguments), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    _, status, usage = os.wait4(child, 0)
    found = json.loads(answer) if status == 0 else {"code": -1, "out": "", "err": "", "deeds": [], "imported": []}
    return {
        **found,
        "died": "" if status == 0 else f"status {status}",
        "seconds": usage.ru_utime + usage.ru_stime,
        "wall": time.perf_counter() - start,
        "memory": usage.ru_maxrss * 1024,
    }


def main() -> None:
    """Measure all command lines, after one about a harmless file: what it takes is no file's cost."""
    lines = json.load(sys.stdin)
    harmless = [lines[0][0], sys.argv[1]]
    if harmless[0] == "run":
        import torch  # noqa: F401
    forget = io.StringIO()
    with contextlib.redirect_stdout(forget), contextlib.redirect_stderr(forget):
        call(harmless)
    baseline = forked(harmless)["memory"]
    for line in lines:
        found = forked(line)
        print(json.dumps({**found, "memory": found["memory"] - baseline}), flush=True)


if __name__ == "__main__":
    main()
