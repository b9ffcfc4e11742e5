"""Names the files of a format that nobody reads here."""

from pathlib import Path

from wganalyze import Foreign, Naming, hookimpl


class Sketches(Foreign):
    """Calls a sketch a sketch."""

    name = "sketches"

    def identify(self, path: Path) -> Naming | None:
        with path.open("rb") as file:
            start = file.read(6)
        if start == b"SKETCH":
            return Naming("a sketch of a network: draw it with sketch2torch FILE x.pt")
        return Naming("a list of colours", group="palettes") if start == b"COLOUR" else None


@hookimpl
def wganalyze_foreign() -> list[type[Foreign]]:
    return [Sketches]
