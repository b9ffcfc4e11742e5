"""What lies beside checkpoints and is none: counted by its kind, which the first bytes say, or the ending."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from wganalyze import CheckpointError, Naming
from wganalyze_checkpoints.foreign.seen import Probe, Seen
from wganalyze_checkpoints.torch import file as torch_file

_MAGICS: Sequence[tuple[re.Pattern[bytes], str]] = tuple(
    (re.compile(pattern, re.DOTALL), group)
    for pattern, group in (
        (rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|II\*\0|MM\0\*|BM.{4}\0{4}|P[1-6]\s", "images"),
        (rb"RIFF....WAVE|fLaC|OggS|ID3|\xff[\xf2\xf3\xfb]|FORM....AIF", "sounds"),
        (rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", "videos"),
        (rb"%PDF-|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|\{\\rtf", "documents"),
        (rb"PAR1|SQLite format 3\0|ARROW1", "tables"),
        (rb"\x93NUMPY", "arrays"),
        (rb"\x7fELF|MZ.{50}|\xcf\xfa\xed\xfe|.{2}\r\n.{12}\xe3", "programs"),
        (rb"#!\s*/", "scripts"),
    )
)  # fmt: skip
_IN_WORDS = {
    "images": "png jpg jpeg gif bmp tif tiff webp svg ico ppm pgm eps ps psd exr hdr avif heic dcm",
    "sounds": "wav mp3 flac ogg m4a aac mid midi opus",
    "videos": "mp4 avi mov webm mkv m4v",
    "notebooks": "ipynb rmd",
    "scripts": "py pyx sh bash bat ps1 m lua jl r c cc cpp cxx h hpp cu cuh js ts java go rs rb pl sbatch slurm pbs",
    "programs": "pyc pyo so dll exe dylib o a whl egg",
    "documents": "md rst txt pdf tex bib doc docx odt ppt pptx rtf html htm css xhtml",
    "configurations": (
        "json yaml yml toml cfg ini conf gin xml lock prototxt env properties hydra pbtxt editorconfig gitignore "
        "gitattributes"
    ),
    "logs": "log out err stderr stdout tfevents",
    "tables": "csv tsv xlsx xls parquet feather arrow jsonl db sqlite sqlite3 dat",
    "arrays": "npy npz mat",
    "fonts": "ttf otf woff woff2",
    "meshes": "ply obj stl off",
}
_ENDINGS: Mapping[str, str] = {f".{ending}": group for group, text in _IN_WORDS.items() for ending in text.split()}
_NAMES: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern), group)
    for pattern, group in (
        (r"events\.out\.tfevents\..*", "event files"),
        (r"(licen[cs]e|copying|notice|unlicense|copyright)(\W.*)?", "licences"),
        (r"(readme|changelog|authors|contributors|citation|news|todo)(\W.*)?", "documents"),
        (r"(makefile|dockerfile|pipfile|procfile|gemfile)(\W.*)?", "configurations"),
        (r"(nohup|slurm-\d+).*\.out|log|stdout|stderr", "logs"),
    )
)


def notebook(seen: Seen) -> Naming | None:
    """A notebook, whatever it is called."""
    is_one = seen.start.startswith(b"{") and re.search(rb'"(nbformat|cells)"\s*:', seen.head)
    return _counted("notebooks") if is_one else None


def by_content(seen: Seen) -> Naming | None:
    """By its first bytes."""
    return next((_counted(group) for pattern, group in _MAGICS if pattern.match(seen.head)), None)


def by_name(seen: Seen) -> Naming | None:
    """By its name."""
    if seen.path.is_dir():
        return None
    group = next((group for pattern, group in _NAMES if pattern.fullmatch(seen.name)), None) or _ENDINGS.get(
        seen.suffix
    )
    return _counted(group) if group else None


def of_torch(seen: Seen) -> Naming | None:
    """A file of torch that no loader takes: an optimizer, losses, a tensor alone."""
    try:
        known = torch_file.read(seen.path) is not None
    except CheckpointError:
        return None
    return Naming("a file of torch without the weights of a network", "other torch files") if known else None


def _counted(group: str) -> Naming:
    return Naming(f"no checkpoint (one of the {group})", group)


PROBES: tuple[Probe, ...] = (notebook, by_content, by_name, of_torch)
