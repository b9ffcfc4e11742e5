"""WAV files: every width says the same sound, lengths and rates must agree, and what is refused."""

from __future__ import annotations

import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.errors import DataError
from wganalyze_plugins.sounds import Sounds, read_header, read_samples

WAVE = np.sin(np.arange(200) / 9) * 0.8


def write(path: Path, sound: np.ndarray, bits: int = 16, rate: int = 8000) -> Path:
    """(length,) or (channels, length) in [-1, 1], by the standard library."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = np.atleast_2d(sound)
    whole = np.round(channels.T.ravel() * (2 ** (bits - 1) - 1)).astype("i8")
    data = (whole + 128).astype("u1").tobytes() if bits == 8 else b"".join(
        int(value).to_bytes(bits // 8, "little", signed=True) for value in whole
    )  # fmt: skip
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(bits // 8)
        file.setframerate(rate)
        file.writeframes(data)
    return path


def floats(path: Path, sound: np.ndarray, bits: int, *, extensible: bool = False) -> Path:
    """A file of floats, from the format's definition, with a chunk of notes before its samples."""
    data = sound.astype(f"<f{bits // 8}").tobytes()
    code = 0xFFFE if extensible else 3
    form = struct.pack("<HHIIHH", code, 1, 8000, 8000 * bits // 8, bits // 8, bits)
    form += struct.pack("<HHIH14s", 22, bits, 0, 3, b"\0" * 14) if extensible else b""
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    body += b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def refusal(make: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        make()
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_every_width_is_the_same_sound(tmp_path: Path, bits: int) -> None:
    write(tmp_path / "a.wav", WAVE, bits)
    source = Sounds(str(tmp_path))
    assert (source.shape, source.value_range, source.size) == ((1, 200), (-1.0, 1.0), 1)
    np.testing.assert_allclose(source.load().values[0], WAVE, atol=1.6 / 2 ** (min(bits, 20) - 1))
    assert source.notes == (
        f"{tmp_path.name}: all 200 samples of each of 1 files, 8,000 a second, PCM scaled to [-1, 1]",
    )


@pytest.mark.parametrize(("bits", "extensible"), [(32, False), (64, False), (32, True)])
def test_floats_are_as_stored(tmp_path: Path, bits: int, extensible: bool) -> None:
    floats(tmp_path / "a.wav", 3 * WAVE, bits, extensible=extensible)
    source = Sounds(str(tmp_path))
    assert source.value_range is None
    np.testing.assert_allclose(source.load().values[0], 3 * WAVE, rtol=1e-6, atol=1e-6)


def test_channels_come_one_after_the_other(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", np.stack([WAVE, -WAVE]))
    source = Sounds(f"{tmp_path}#50")
    assert source.shape == (2, 50)
    np.testing.assert_allclose(source.load().values.reshape(2, 50), np.stack([WAVE, -WAVE])[:, :50], atol=1e-4)
    assert "the first 50 samples of each" in source.notes[0]


def test_folders_are_classes(tmp_path: Path) -> None:
    for name in ("yes/1.wav", "no/2.wav", "yes/3.WAV"):
        write(tmp_path / name, WAVE)
    source = Sounds(str(tmp_path))
    labels = source.load().labels
    assert (source.names, source.classes) == (["no", "yes"], 2)
    assert labels is not None
    assert labels.tolist() == [0, 1, 1]


def test_lengths_and_rates_must_agree(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", WAVE)
    write(tmp_path / "b.wav", WAVE[:150])
    said = refusal(lambda: Sounds(str(tmp_path)))
    assert f"the files have 150 to 200 samples; say wav:{tmp_path}#150 to take as many of each" in said
    assert Sounds(f"{tmp_path}#150").size == 2
    assert "1 of 2 files have fewer than 151 samples, as b.wav; the shortest has 150" in refusal(
        lambda: Sounds(f"{tmp_path}#151")
    )
    write(tmp_path / "b.wav", WAVE, rate=16000)
    assert "b.wav has 1 channels of 16,000 samples a second, a.wav has 1 of 8,000" in refusal(
        lambda: Sounds(str(tmp_path))
    )


@pytest.mark.parametrize(
    ("argument", "reason"),
    [("", "there is no folder (none named)"), ("{}/none", "there is no folder"), ("{}#x", "the length behind #"),
     ("{}#0", "the length behind #"), ("{}", "holds no WAV file")],
)  # fmt: skip
def test_refusals(tmp_path: Path, argument: str, reason: str) -> None:
    assert reason in refusal(lambda: Sounds(argument.format(tmp_path)))


def test_other_codes_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", WAVE)
    content = bytearray(path.read_bytes())
    content[20:22] = struct.pack("<H", 85)
    path.write_bytes(content)
    assert "a.wav is of code 85 with 16 bits; PCM of 8 to 32 bits and floats are read" in refusal(
        lambda: Sounds(str(tmp_path))
    )


@given(st.integers(0, 43), st.binary(max_size=8), st.integers(0, 444))
def test_no_file_breaks_it(tmp_path_factory: pytest.TempPathFactory, place: int, bits: bytes, end: int) -> None:
    path = write(tmp_path_factory.mktemp("sounds") / "a.wav", WAVE)
    content = path.read_bytes()
    path.write_bytes((content[:place] + bits + content[place + len(bits) :])[:end])
    try:
        sound = read_header(path)
        values = read_samples(path, sound, sound.length)
    except (ValueError, struct.error):
        return
    assert values.shape == (sound.channels, sound.length)
    assert np.isfinite(values).all()
