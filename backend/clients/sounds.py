"""Looks into the bytes of a sound file without trusting them: WAV and MP3."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass

from backend.clients.pictures import Unreadable

LARGEST_FILE = 50 * 1024 * 1024  # what Storage takes in one upload unless a project raises it
ENDLESS = 0x7FFF0000  # a size that encoders write which could not go back to fill it in

# Layer III, by version bits: kbit/s by index, and samples per second by index.
_BITRATES = {
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    0: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


@dataclass(frozen=True)
class Sound:
    """What a sound file turned out to be; `format` is wav or mp3."""

    format: str
    seconds: float


def inspect(data: bytes) -> Sound:
    """Return what the bytes are; an empty, cut-off or giant file is refused."""
    if len(data) > LARGEST_FILE:
        raise Unreadable("the file is too large")
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return Sound("wav", _wav_seconds(data))
    return Sound("mp3", _mp3_seconds(data))


def _wav_seconds(data: bytes) -> float:
    try:
        with wave.open(io.BytesIO(data)) as file:
            frame, rate, declared = file.getnchannels() * file.getsampwidth(), file.getframerate(), file.getnframes()
            found = len(file.readframes(declared)) // frame
    except (wave.Error, EOFError, ValueError, ZeroDivisionError) as error:
        raise Unreadable(str(error) or type(error).__name__) from error
    if not found or not rate:
        raise Unreadable("there is no sound in it")
    if found < declared and declared * frame < ENDLESS:
        raise Unreadable("it was cut off")
    return float(round(found / rate, 3))


@dataclass(frozen=True)
class _Frame:
    length: int
    samples: int
    rate: int
    bitrate: int


def _mp3_seconds(data: bytes) -> float:
    start = _after_id3(data)
    first = _frame(data, start)
    # Two frames in a row: the pattern that begins one is too short to be believed once.
    if first is None or _frame(data, start + first.length) is None:
        raise Unreadable("it is neither WAV nor MP3")
    frames = _declared_frames(data[start : start + first.length])
    if frames:
        return round(frames * first.samples / first.rate, 3)
    return round((len(data) - start) * 8 / first.bitrate, 3)


def _after_id3(data: bytes) -> int:
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _frame(data: bytes, at: int) -> _Frame | None:
    """Return the frame of layer III that begins here, or None."""
    head = data[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, bitrate, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version not in _BITRATES or not 0 < bitrate < 15 or rate == 3:
        return None
    bits, per_second, samples = (
        _BITRATES[version][bitrate - 1] * 1000,
        _RATES[version][rate],
        1152 if version == 3 else 576,
    )
    return _Frame(samples // 8 * bits // per_second + (head[2] >> 1 & 1), samples, per_second, bits)


def _declared_frames(frame: bytes) -> int | None:
    """Return the number of frames that the encoder wrote into the first one, if it did."""
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at < 0 or len(frame) < at + 12 or not frame[at + 7] & 1:
        return None
    return int.from_bytes(frame[at + 8 : at + 12], "big")
