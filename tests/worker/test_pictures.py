"""What a provider calls a picture is looked into before anybody pays for it."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from backend.clients.pictures import Picture, Unreadable, inspect


def encoded(format: str, size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 20).convert("RGB").save(buffer, format)
    return buffer.getvalue()


def giant_png() -> bytes:
    """A few bytes whose header claims 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("format", ["PNG", "WEBP", "JPEG"])
def test_a_picture_is_recognised(format: str) -> None:
    """Size and format come from the bytes, never from what somebody says they are."""
    assert inspect(encoded(format)) == Picture(40, 30, format.lower())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"error": "quota"}', id="an error message"),
        pytest.param(encoded("GIF"), id="a format that we don't take"),
        pytest.param(encoded("PNG", (400, 400))[:-600], id="a cut-off file"),
        pytest.param(encoded("WEBP", (400, 400))[:-600], id="a cut-off webp"),
        pytest.param(giant_png(), id="a decompression bomb"),
    ],
)
def test_what_is_no_usable_picture_is_refused(data: bytes) -> None:
    """Regression: H21."""
    with pytest.raises(Unreadable):
        inspect(data)
