"""Real small files for what models make: a picture of the size asked for, a film, a sound."""

from __future__ import annotations

import colorsys
import hashlib
import io
import math
import struct
import wave
from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageDraw

RATE = 16_000
FRAMES_PER_SECOND = 4


def picture(given: Mapping[str, Any], number: int, *, format: str) -> tuple[bytes, int, int]:
    """Return a picture as bytes with its width and height; the prompt and the number decide its colours."""
    size = given.get("image_size")
    wide, high = (int(size["width"]), int(size["height"])) if isinstance(size, Mapping) else (512, 512)
    drawn = _drawn(f"{given.get('prompt')}{given.get('seed')}{number}", wide, high)
    data = io.BytesIO()
    drawn.save(data, format)
    return data.getvalue(), wide, high


def sound(text: str) -> bytes:
    """Return a WAV that hums one tone per word, up to ten seconds."""
    samples = bytearray()
    for word in text.split()[:50] or ["-"]:
        tone = 180 + hashlib.sha256(word.encode()).digest()[0]
        for step in range(RATE // 5):
            fade = math.sin(math.pi * step / (RATE // 5))
            samples += struct.pack("<h", int(12_000 * fade * math.sin(2 * math.pi * tone * step / RATE)))
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(samples))
    return data.getvalue()


def film(given: Mapping[str, Any]) -> bytes:
    """Return an MP4 of Motion JPEG, four pictures a second, as long as was asked for and at most twenty seconds."""
    wide, high = 320, 180
    seconds = min(20, max(1, int(float(given.get("duration") or 5))))
    frames = []
    for number in range(seconds * FRAMES_PER_SECOND):
        data = io.BytesIO()
        _drawn(f"{given.get('prompt')}{number // FRAMES_PER_SECOND}", wide, high, shift=number * 8).save(data, "JPEG")
        frames.append(data.getvalue())
    return _mp4(frames, wide, high)


def _drawn(text: str, wide: int, high: int, shift: int = 0) -> Image.Image:
    digest = hashlib.sha256(text.encode()).digest()
    red, green, blue = (int(255 * part) for part in colorsys.hsv_to_rgb(digest[0] / 255, 0.5, 0.8))
    image = Image.new("RGB", (wide, high), (red, green, blue))
    pen = ImageDraw.Draw(image)
    for byte in digest[1:7]:
        radius = max(4, min(wide, high) * (byte % 60 + 10) // 200)
        x, y = (byte * 37 + shift) % wide, (byte * 91) % high
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(byte, blue, red))
    return image


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", flags), *parts)


_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def _mp4(frames: list[bytes], wide: int, high: int) -> bytes:
    """One video track whose samples are JPEG pictures (object type 0x6C), as ISO 14496-12 and -14 describe it."""
    length = len(frames) * 1000 // FRAMES_PER_SECOND
    start = _box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2mp41")
    first = len(start) + 8
    header = _full(
        b"mvhd",
        struct.pack(">IIIIIHH8x", 0, 0, 1000, length, 0x10000, 0x100, 0),
        *(_MATRIX, bytes(24), struct.pack(">I", 2)),
    )
    track = _full(
        b"tkhd",
        struct.pack(">IIIIIQHHHH", 0, 0, 1, 0, length, 0, 0, 0, 0, 0),
        *(_MATRIX, struct.pack(">II", wide << 16, high << 16)),
        flags=3,
    )
    media = _full(b"mdhd", struct.pack(">IIIIHH", 0, 0, 1000, length, 0x55C4, 0))
    handler = _full(b"hdlr", struct.pack(">I4s12x", 0, b"vide"), b"video\0")
    data = _box(b"dinf", _full(b"dref", struct.pack(">I", 1), _full(b"url ", flags=1)))
    about = _box(b"minf", _full(b"vmhd", bytes(8), flags=1), data, _samples(frames, wide, high, first))
    film = _box(b"trak", track, _box(b"mdia", media, handler, about))
    return start + _box(b"mdat", *frames) + _box(b"moov", header, film)


def _samples(frames: list[bytes], wide: int, high: int, first: int) -> bytes:
    decoder = bytes([0x04, 13, 0x6C, 0x11]) + bytes(3 + 4 + 4)
    stream = bytes([0x03, 3 + len(decoder) + 3, 0, 1, 0]) + decoder + bytes([0x06, 1, 2])
    entry = _box(
        b"mp4v",
        struct.pack(">6xH16xHHIII H32sHh".replace(" ", ""), 1, wide, high, 0x480000, 0x480000, 0, 1, b"", 24, -1),
        _full(b"esds", stream),
    )
    return _box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1), entry),
        _full(b"stts", struct.pack(">III", 1, len(frames), 1000 // FRAMES_PER_SECOND)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, len(frames), 1)),
        _full(b"stsz", struct.pack(">II", 0, len(frames)), *(struct.pack(">I", len(frame)) for frame in frames)),
        _full(b"stco", struct.pack(">II", 1, first)),
    )
