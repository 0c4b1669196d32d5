"""Speech from text, offline: the espeak-ng library that the package espeakng-loader brings, through ctypes.

The library has one state per process, so that callers take turns. It is loaded when it is first needed, in the process
that speaks, and never in one that forks.
"""

from __future__ import annotations

import ctypes
import io
import threading
import wave
from functools import cache

from backend.clients.providers.base import ProviderError

try:  # there is no build of it for some platforms
    import espeakng_loader
except ImportError:
    espeakng_loader = None

SYNCHRONOUS = 2
DONT_EXIT = 0x8000
UTF8 = 1
CHARACTERS = 1
RATE, PITCH = 1, 3

_LOCK = threading.Lock()
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


def unavailable_reason() -> str | None:
    """Say why there is no speech on this machine; None when there is."""
    if espeakng_loader is None:
        return "Speech needs the package espeakng-loader, which is not installed here; some platforms have no build."
    return None


def speak(text: str, *, voice: str, words_per_minute: int, pitch: int) -> bytes:
    """Return the text read aloud, as a WAV file; pitch is 0 to 99. Raises ProviderError."""
    with _LOCK:
        library, rate = _library()
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ProviderError("provider_failed", f"espeak-ng has no voice {voice}.", retryable=False)
        library.espeak_SetParameter(RATE, words_per_minute, 0)
        library.espeak_SetParameter(PITCH, pitch, 0)
        return _wav(_samples(library, text), rate)


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    reason = unavailable_reason()
    if reason:
        raise ProviderError("provider_not_configured", reason, retryable=False)
    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
    except (OSError, RuntimeError) as error:
        raise ProviderError(
            "provider_not_configured", f"espeak-ng can't be loaded: {error}", retryable=False
        ) from error
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
        ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, data, DONT_EXIT)
    if rate <= 0:
        raise ProviderError("provider_not_configured", "espeak-ng could not be started.", retryable=False)
    return library, rate


def _samples(library: ctypes.CDLL, text: str) -> bytes:
    chunks: list[bytes] = []

    def keep(samples: int | None, count: int, events: int | None) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, count * 2))
        return 0

    callback = _Callback(keep)
    library.espeak_SetSynthCallback(callback)
    encoded = text.encode()
    if library.espeak_Synth(encoded, len(encoded) + 1, 0, CHARACTERS, 0, UTF8, None, None) != 0:
        raise ProviderError("provider_failed", "espeak-ng could not read this.", retryable=False)
    return b"".join(chunks)


def _wav(samples: bytes, rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(samples)
    return file.getvalue()
