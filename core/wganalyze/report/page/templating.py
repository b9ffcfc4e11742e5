"""Templates are filled in, and what comes of them is written to a file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze.errors import UsageError
from wganalyze.report.store import write_atomically

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, *, verb: str, refresh: int = 0, **content: Any) -> str:
    """The HTML document of a template; ``verb``: the command that made it; ``refresh``: see ``page``."""
    return _environment().get_template(template).render(verb=verb, refresh=refresh, **content)


@cache
def _environment() -> Environment:
    """With the templates that were compiled: whoever watches writes a page after each analysis."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("wganalyze.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_text(text: str, path: Path, option: str = "--out") -> int:
    """Write it in one rename; its size in bytes. UsageError where that cannot be done, which names ``option``."""
    content = text.encode()
    try:
        write_atomically(path, content)
    except OSError as error:
        raise UsageError(f"{option} {path}: cannot be written ({error.strerror}); name another file") from None
    return len(content)


def _printable(value: Any) -> Any:
    """Text of anybody's without what acts on its surroundings unseen: control characters, turns of direction."""
    if type(value) is not str or value.isprintable():
        return value
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in value)
