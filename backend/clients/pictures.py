"""Looks into the bytes of a picture without trusting them."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

LARGEST_FILE = 64 * 1024 * 1024
MOST_PIXELS = 40_000_000
# Named by their plugins, so that these are loaded before a worker forks: looking for them costs 0.2 s in every process.
FORMATS = tuple(
    kind.format
    for kind in (PngImagePlugin.PngImageFile, WebPImagePlugin.WebPImageFile, JpegImagePlugin.JpegImageFile)
    if kind.format
)


class Unreadable(Exception):
    """These bytes are no picture that we take."""


@dataclass(frozen=True)
class Picture:
    """What a picture turned out to be; `format` is one of png, webp, jpeg."""

    width: int
    height: int
    format: str


def inspect(data: bytes) -> Picture:
    """Return what the bytes are, decoding all of them, so that a cut-off or giant file is refused here."""
    if len(data) > LARGEST_FILE:
        raise Unreadable("the file is too large")
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            warnings.simplefilter("error")
            width, height = image.size
            if width * height > MOST_PIXELS:  # known from the header, before anything is unpacked
                raise Unreadable("the picture has too many pixels")
            image.load()
            return Picture(width, height, str(image.format).lower())
    except Unreadable:
        raise
    except Exception as error:  # decoders raise all kinds of things at broken bytes
        raise Unreadable(str(error) or type(error).__name__) from error
