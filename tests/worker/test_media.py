"""Sounds and videos are looked into before they are believed, and speech is really spoken."""

from __future__ import annotations

import io
import multiprocessing
import struct
import wave
from typing import Any

import pytest

from backend.clients import sounds, videos
from backend.clients.pictures import Unreadable
from backend.clients.providers import speech
from backend.clients.providers.base import ProviderError, Result
from backend.core.outputs import KINDS, checked
from tests.worker.world import World

MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # MPEG 1, 128 kbit/s, 44100 Hz: 417 bytes, 1152 samples
WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\x82\x84webm"


def wav(seconds: float = 0.5, rate: int = 8000) -> bytes:
    """A silent WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(bytes(int(seconds * rate) * 2))
    return file.getvalue()


def box(name: bytes, *parts: bytes) -> bytes:
    """A box of an MP4 file."""
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + name + content


def mp4(width: int = 640, height: int = 360, version: int = 0, *, sound: bool = True) -> bytes:
    """The boxes of a video of 2.5 seconds, without a picture in them."""
    times = struct.pack(">QQIQ", 0, 0, 1000, 2500) if version else struct.pack(">IIII", 0, 0, 1000, 2500)
    header = bytes([version, 0, 0, 0]) + times + bytes(80)
    tracks = [box(b"trak", box(b"tkhd", bytes(76), struct.pack(">II", width << 16, height << 16)))]
    if sound:
        tracks.append(box(b"trak", box(b"tkhd", bytes(84))))
    return box(b"ftyp", b"isom") + box(b"moov", box(b"mvhd", header), *tracks) + box(b"mdat", bytes(64))


def declaring(frames: int) -> bytes:
    """An MP3 whose first frame tells how many there are."""
    first = b"\xff\xfb\x90\x00" + bytes(32) + b"Xing" + struct.pack(">II", 1, frames)
    return first + bytes(417 - len(first)) + MP3_FRAME * 3


@pytest.mark.parametrize(
    ("data", "format", "seconds"),
    [
        (wav(), "wav", 0.5),
        (MP3_FRAME * 100, "mp3", 2.606),
        (b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128) + MP3_FRAME * 100, "mp3", 2.606),
        (declaring(500), "mp3", 13.061),
        (wav().replace(b"data\x40\x1f\x00\x00", b"data\xff\xff\xff\xff"), "wav", 0.5),  # written to a pipe
    ],
    ids=["wav", "mp3", "mp3 with a tag", "mp3 that tells its length", "wav without a length"],
)
def test_a_sound_is_known_by_its_bytes(data: bytes, format: str, seconds: float) -> None:
    """And how long it lasts."""
    assert sounds.inspect(data) == sounds.Sound(format, seconds)


@pytest.mark.parametrize("version", [0, 1])
def test_a_video_is_known_by_its_bytes(version: int) -> None:
    """With the size of its picture; the sound track has none."""
    assert videos.inspect(mp4(version=version)) == videos.Video("mp4", 640, 360, 2.5)
    assert videos.inspect(WEBM) == videos.Video("webm")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("audio", b""),
        ("audio", b"<html>not found</html>"),
        ("audio", wav()[:2000]),
        ("audio", wav(seconds=0)),
        ("audio", MP3_FRAME),
        ("audio", b"RIFF\x00\x00\x00\x00WAVE"),
        ("audio", bytes(sounds.LARGEST_FILE + 1)),
        ("audio", mp4()),
        ("video", b""),
        ("video", b'{"detail": "gone"}'),
        ("video", mp4()[:-20]),
        ("video", mp4(width=0)),
        ("video", box(b"ftyp", b"isom")),
        ("video", box(b"ftyp", b"isom") + b"\x00\x00\x00\x02moov"),
        ("video", bytes(videos.LARGEST_FILE + 1)),
        ("video", wav()),
        ("image", wav()),
    ],
    ids=lambda value: value if isinstance(value, str) else str(len(value)),
)
def test_what_is_not_usable_is_the_providers_failure(kind: str, data: bytes) -> None:
    """Regression: H21. What it cost goes along, and it may be tried again."""
    with pytest.raises(ProviderError) as caught:
        checked(Result((data,), cost_micros=7), kind=kind, user_id="u", generation_id="g", attempt=1)
    assert (caught.value.code, caught.value.retryable, caught.value.cost_micros) == ("provider_bad_answer", True, 7)
    with pytest.raises(Unreadable):
        KINDS[kind].inspect(data)


def test_each_kind_is_stored_under_its_own_name_and_type() -> None:
    """Browsers play what is called what it is."""
    stored = [
        checked(Result((data,)), kind=kind, user_id="u", generation_id="g", attempt=2)[0]
        for kind, data in (("audio", wav()), ("audio", MP3_FRAME * 2), ("video", mp4()), ("video", WEBM))
    ]
    assert [(output.path, output.content_type) for output in stored] == [
        ("u/g/2-0.wav", "audio/wav"),
        ("u/g/2-0.mp3", "audio/mpeg"),
        ("u/g/2-0.mp4", "video/mp4"),
        ("u/g/2-0.webm", "video/webm"),
    ]
    assert stored[2].row == {
        "path": "u/g/2-0.mp4", "kind": "video", "format": "mp4", "width": 640, "height": 360, "seconds": 2.5,
        "bytes": len(mp4()),
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "count"), [("image", 17), ("audio", 5), ("video", 5), ("audio", 0)])
def test_too_many_files_or_none_are_no_answer(kind: str, count: int) -> None:
    """Each kind has its bound."""
    with pytest.raises(ProviderError, match=f"delivered {count} files"):
        checked(Result((b"",) * count), kind=kind, user_id="u", generation_id="g", attempt=1)


speaks = pytest.mark.skipif(speech.unavailable_reason() is not None, reason="espeak-ng has no build for this platform")


def spoken(text: str, **more: Any) -> bytes:
    """Read aloud at the usual pace."""
    return speech.speak(text, **{"voice": "en-us", "words_per_minute": 160, "pitch": 50, **more})


@speaks
def test_speech_is_a_wav_file_with_sound_in_it() -> None:
    """Longer when it is read slowly; a voice that does not exist is refused."""
    text = "The quick brown fox jumps over the lazy dog."
    usual = spoken(text)
    with wave.open(io.BytesIO(usual)) as file:
        samples = file.readframes(file.getnframes())
    assert len(set(samples)) > 100, "silence"
    assert 1.5 < sounds.inspect(usual).seconds < 5
    assert sounds.inspect(spoken(text, words_per_minute=80)).seconds > sounds.inspect(usual).seconds * 1.3
    assert sounds.inspect(spoken(text, voice="de")).seconds > 1
    with pytest.raises(ProviderError, match="no voice"):
        spoken(text, voice="nonsense")


@speaks
def test_speech_works_in_a_forked_process() -> None:
    """A work horse is one, also when its parent has spoken before."""
    spoken("before")
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert sounds.inspect(pool.apply(spoken, ("after",))).seconds > 0.3


@speaks
def test_a_generation_of_speech_is_stored_and_charged(world: World) -> None:
    """From the row to the file."""
    user = world.new_user()
    generation_id = world.start(user, "local/speech", prompt="Good morning. " * 50, voice="en")
    world.run(generation_id)
    row = world.row(generation_id)
    assert (row["status"], row["credits_charged"]) == ("succeeded", 2)
    (output,) = row["outputs"]
    assert (output["kind"], output["format"]) == ("audio", "wav")
    assert output["seconds"] > 20
