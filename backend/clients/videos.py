"""Looks into the bytes of a video without trusting them: MP4 and WebM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backend.clients.pictures import Unreadable

LARGEST_FILE = 50 * 1024 * 1024  # what Storage takes in one upload unless a project raises it
EBML = b"\x1a\x45\xdf\xa3"


@dataclass(frozen=True)
class Video:
    """What a video turned out to be; `format` is mp4 or webm, of which only the first tells the rest."""

    format: str
    width: int | None = None
    height: int | None = None
    seconds: float | None = None


def inspect(data: bytes) -> Video:
    """Return what the bytes are; a cut-off or giant file is refused."""
    if len(data) > LARGEST_FILE:
        raise Unreadable("the file is too large")
    if data[4:8] == b"ftyp":
        return _mp4(data)
    if data[:4] == EBML and b"webm" in data[:64]:
        return Video("webm")
    raise Unreadable("it is neither MP4 nor WebM")


def _mp4(data: bytes) -> Video:
    boxes = dict(_boxes(data, whole=True))
    if b"moov" not in boxes or b"mdat" not in boxes:
        raise Unreadable("a part of the MP4 is missing")
    width = height = 0
    seconds: float | None = None
    for name, box in _boxes(boxes[b"moov"]):
        if name == b"mvhd":
            seconds = _seconds(box)
        elif name == b"trak":
            size = dict(_boxes(box)).get(b"tkhd", b"")[-8:]  # two 16.16 numbers; zero for sound
            found = int.from_bytes(size[:2], "big"), int.from_bytes(size[4:6], "big")
            width, height = max((width, height), found)
    if not width or not height:
        raise Unreadable("there is no picture in it")
    return Video("mp4", width, height, seconds)


def _boxes(data: bytes, *, whole: bool = False) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each box; with `whole`, one that reaches beyond the end is refused."""
    at = 0
    while at + 8 <= len(data):
        size, name, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = len(data) - at
        if size < head or (whole and at + size > len(data)):
            raise Unreadable("it was cut off")
        yield name, data[at + head : at + size]
        at += size


def _seconds(header: bytes) -> float | None:
    """Return the length that a movie header tells: 32-bit numbers in version 0, 64-bit times in version 1."""
    long = header[:1] == b"\x01"
    at, width = (20, 8) if long else (12, 4)
    scale = int.from_bytes(header[at : at + 4], "big")
    duration = int.from_bytes(header[at + 4 : at + 4 + width], "big")
    return round(duration / scale, 3) if scale else None
