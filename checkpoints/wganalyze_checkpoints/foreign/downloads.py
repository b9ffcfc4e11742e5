"""What lies under a checkpoint's name where the download failed, has not ended, or was never made."""

from __future__ import annotations

import re

from wganalyze import Naming, one_line
from wganalyze_checkpoints.foreign.seen import Probe, Seen

PARTIAL = (".crdownload", ".part", ".partial", ".opdownload", ".download", ".incomplete", ".!ut", ".filepart")
"""Of Chrome, Firefox, Edge, Opera, Safari, the Hugging Face hub, and others, for what is not yet whole."""

PAGES = (".html", ".htm", ".xhtml", ".mhtml")
TEXTS = (*PAGES, ".txt", ".md", ".json", ".xml", ".log", ".csv", ".yaml", ".yml", ".py", ".out", ".err", ".rst", "")
_PAGE = re.compile(
    rb"(<\?xml[^>]*>\s*)?(<!--((?!-->).){0,1000}-->\s*)*<(!doctype\s+html|html|head|body|script|meta)\b", re.DOTALL
)
_TITLE = re.compile(rb"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
_LFS = re.compile(
    rb"version https://(git-lfs\.github\.com|hawser\.github\.com)/spec/v\d+\n.*?^size (\d{1,18})$",
    re.DOTALL | re.MULTILINE,
)
_ANSWERS = re.compile(
    rb"(<\?xml[^>]*>\s*)?<error\b|\{\s*\"(error|message|errors)\"\s*:|(error\s+)?(403|404)\b"
    rb"|((entry|repository|page|file) )?not found|access (denied|to )|forbidden|invalid (username|credentials)"
    rb"|unauthorized|bad gateway|service unavailable|quota exceeded|too many requests"
)
_LONGEST_ANSWER = 4000


def unfinished(seen: Seen) -> Naming | None:
    """A download that is not whole, by the ending that its program gives it."""
    if seen.suffix in PARTIAL:
        text = f"an unfinished download ({seen.suffix}): let it finish, or download it again"
        return Naming(text, unfinished=True)
    if seen.suffix == ".aria2":
        return Naming(f"aria2's record of an unfinished download: let {seen.path.stem} finish, or download it again")
    if seen.path.with_name(f"{seen.path.name}.aria2").is_file():
        return Naming(
            f"an unfinished download ({seen.path.name}.aria2 lies beside it): let it finish, or download it again",
            unfinished=True,
        )
    return None


def pointer(seen: Seen) -> Naming | None:
    """A text of a few lines that stands for a file kept elsewhere."""
    lfs = _LFS.match(seen.head[:1024])
    if lfs:
        return Naming(f"a Git LFS pointer to {int(lfs[2]):,} bytes: git lfs pull")
    if re.match(rb"(\.\./)*(\.git/|/)annex/objects/\S", seen.head) and seen.size < 1024:
        return Naming("a git-annex pointer: git annex get FILE")
    if seen.head.startswith(b"# xet version"):
        return Naming("a Xet pointer: git xet checkout")
    if seen.suffix == ".dvc" and re.search(rb"^outs:", seen.head, re.MULTILINE):
        return Naming("a DVC pointer: dvc pull")
    return None


def web_page(seen: Seen) -> Naming | None:
    """HTML under another name."""
    if seen.suffix in PAGES or not _PAGE.match(seen.start):
        return None
    title = _TITLE.search(seen.head)
    shown = one_line(title[1].decode(errors="replace"), 80) if title else ""
    whose = f" (its title: {shown})" if shown else ""
    drive = "google drive" in shown.lower() or b"drive.google.com" in seen.head or b"drive.usercontent" in seen.head
    how = "download it again, by gdown, which answers the page" if drive else "download it again"
    return Naming(f"a web page, not a checkpoint: {how}{whose}")


def answer(seen: Seen) -> Naming | None:
    """The refusal of a server, under a name that is no text's."""
    if seen.size > _LONGEST_ANSWER or seen.suffix in TEXTS or not _ANSWERS.match(seen.start):
        return None
    said = one_line(seen.head.decode(errors="replace"), 60)
    return Naming(f"a server's answer, not a checkpoint: download it again (it says: {said})")


PROBES: tuple[Probe, ...] = (unfinished, pointer, web_page, answer)
