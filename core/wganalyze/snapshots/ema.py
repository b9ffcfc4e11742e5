"""The choice of EMA: which copy of the generator samples."""

from __future__ import annotations

from collections.abc import Sequence

from wganalyze.settings.facts import Said
from wganalyze.snapshots.moment import Member


def choose_generator(members: Sequence[Member], said: Said) -> tuple[Member | None, str, list[str]]:
    """Of several generators the EMA copy where there is one, unless the user prefers the raw weights."""
    averaged = [member for member in members if member.averaged]
    raw = [member for member in members if not member.averaged]
    wanted = said.get("weights") or ("ema" if averaged else "raw")
    chosen = (averaged if wanted == "ema" else raw) or [*members]
    if not chosen:
        return None, "raw", []
    notes = []
    if averaged and raw and said.get("weights") is None:
        notes.append(f"EMA weights preferred for sampling: {chosen[0].piece.place}")
    if chosen[0].averaged != (wanted == "ema"):
        notes.append(f"there are no {wanted} weights; {chosen[0].piece.place} taken")
    if len(chosen) > 1:
        others = ", ".join(member.piece.place for member in chosen[1:])
        choose = chosen[0].option("ignore")
        notes.append(f"generator {chosen[0].piece.place} taken, left out: {others} (choose with {choose})")
    return chosen[0], "ema" if chosen[0].averaged else "raw", notes
