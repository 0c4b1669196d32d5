"""What a provider delivered: checked before it is believed, then stored where its owner can read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backend.clients import pictures, sounds, videos
from backend.clients.pictures import Unreadable
from backend.clients.providers.base import ProviderError, Result


@dataclass(frozen=True)
class Kind:
    """What a model of some kind may deliver: how many files at most, and how to look into one."""

    noun: str
    most_files: int
    inspect: Callable[[bytes], pictures.Picture | sounds.Sound | videos.Video]


KINDS = {
    "image": Kind("picture", 16, pictures.inspect),
    "audio": Kind("sound", 4, sounds.inspect),
    "video": Kind("video", 4, videos.inspect),
}
CONTENT_TYPES = {"mp3": "audio/mpeg"}


@dataclass(frozen=True)
class Output:
    """One file that is ready to be stored."""

    path: str
    data: bytes
    content_type: str
    facts: dict[str, Any]

    @property
    def row(self) -> dict[str, Any]:
        """Return what the database keeps of it."""
        return {"path": self.path, **self.facts, "bytes": len(self.data)}


def checked(result: Result, *, kind: str, user_id: str, generation_id: str, attempt: int) -> list[Output]:
    """Return the files with their paths; an answer that is not usable as its kind is the provider's failure.

    The attempt is part of the path, so that an attempt that comes late can't touch what another one stored.
    """
    expected = KINDS[kind]
    if not 0 < len(result.files) <= expected.most_files:
        raise _unusable(f"The provider delivered {len(result.files)} files.", result)
    outputs = []
    for index, data in enumerate(result.files):
        try:
            found = expected.inspect(data)
        except Unreadable as error:
            message = f"File {index + 1} of the provider's answer is no usable {expected.noun}: {error}"
            raise _unusable(message, result) from error
        facts = {"kind": kind, **{name: value for name, value in vars(found).items() if value is not None}}
        content_type = CONTENT_TYPES.get(found.format, f"{kind}/{found.format}")
        outputs.append(Output(f"{user_id}/{generation_id}/{attempt}-{index}.{found.format}", data, content_type, facts))
    return outputs


def _unusable(message: str, result: Result) -> ProviderError:
    return ProviderError("provider_bad_answer", message, retryable=True, cost_micros=result.cost_micros)
