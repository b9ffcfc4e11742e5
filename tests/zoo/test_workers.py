"""Worker processes end with the one that started them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

HOST = """
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from wganalyze_zoo.workers import end_with_others

if __name__ == "__main__":
    workers = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=end_with_others)
    workers.submit(time.sleep, 600)
    print(*workers._processes, flush=True)
    time.sleep(600)
"""


def test_workers_end_with_a_host_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "host.py"
    script.write_text(HOST)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        worker = psutil.Process(int(host.stdout.readline()))
        time.sleep(3)  # it is at work
        host.kill()
    worker.wait(timeout=60)
