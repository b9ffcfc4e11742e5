"""A process that offers damaged files to all loaders, and says which did harm: ``mutating.py FOLDER SEED COUNT``.

``FOLDER`` holds whole files. What a loader is not to do is told by the audit hook; a crash ends the process, and the
file that did it lies in FOLDER/at-work.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

from wganalyze.files.opening import open_path
from wganalyze.host.loading import load_host

HARM = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "pickle.find_class")
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Bytes changed, parts cut out, doubled or exchanged."""
    made = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8))):
        place, length = chance.randrange(len(made)), chance.choice((1, 4, 8, 64))
        kind = chance.randrange(6)
        if kind == 0:
            made[place] = chance.choice(INTERESTING)
        elif kind == 1:
            made[place] = chance.randrange(256)
        elif kind == 2:
            del made[place : place + length]
        elif kind == 3:
            made[place:place] = made[place : place + length]
        elif kind == 4:
            made[place : place + length] = chance.randbytes(length)
        else:
            del made[place:]
        if not made:
            break
    return bytes(made)


def main() -> None:
    """Print a line for each file that did harm."""
    folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    host = load_host(())
    loaders, foreign = host.loaders_for(None), host.foreign
    whole = [path.read_bytes() for path in sorted((folder / "whole").iterdir())]
    deeds: list[str] = []
    chance = random.Random(seed)
    at_work = folder / f"at-work-{seed}.bin"
    for content in whole:  # imports are done by files that are whole
        at_work.write_bytes(content)
        open_path(at_work, loaders, None, foreign)

    def watch(event: str, _: tuple[Any, ...]) -> None:
        if event.startswith(HARM):
            deeds.append(event)

    sys.addaudithook(watch)
    for each in range(count):
        at_work.write_bytes(damaged(chance.choice(whole), chance))
        (opened,) = open_path(at_work, loaders, None, foreign)
        said = " ".join(opened.problems)
        if deeds or "failed (" in said or not said.isprintable():
            kept = folder / f"harm-{seed}-{each}.bin"
            kept.write_bytes(at_work.read_bytes())
            print(kept, deeds, said, flush=True)
            deeds.clear()
    print("done", flush=True)


if __name__ == "__main__":
    main()
