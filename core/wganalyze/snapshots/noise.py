"""Arrays that are a generator's input and not its output: fixed noise, by the shape of the latent."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt, prod
from pathlib import Path

from wganalyze.networks.draft import Draft
from wganalyze.networks.ends import Ends, ends_of
from wganalyze.snapshots.moment import Moment


def latents_among(found: Sequence[tuple[Moment, Sequence[Draft]]]) -> dict[Path, str]:
    """Files of stored "samples" that have the shape of a latent here, and not of what is generated from it."""
    latents = [
        (draft, _width(moment))
        for moment, drafts in found
        for draft in drafts
        if draft.latent.shape and moment.of("generator")
    ]
    lines: dict[Path, str] = {}
    for moment, _ in found:
        for member in moment.samples:
            spec = next(iter(member.piece.part.keys.values()), None)
            shape = spec.shape[1:] if spec is not None else ()
            for draft, made in latents:
                width = prod(draft.latent.shape)
                if shape and shape[0] == prod(shape) == width and made is not None and not _may_be(made, width):
                    path = member.piece.part.path
                    lines[path] = f"left out: fixed noise by its shape, that of the latent {draft.latent.shape}"
    return lines


def _may_be(made: Ends, width: int) -> bool:
    """May samples of so many numbers come out: as they are, or as square images that were flattened?"""
    if not made.gives_channels:
        return made.gives == width
    return width % made.gives == 0 and isqrt(width // made.gives) ** 2 == width // made.gives


def _width(moment: Moment) -> Ends | None:
    """What the generator of a moment ends with."""
    found = [ends_of(member.piece) for member in moment.of("generator")]
    return next((end for end in found if end is not None), None)
