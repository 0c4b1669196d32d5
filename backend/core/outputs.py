"""What a provider delivered: checked before it is believed, then stored where its owner can read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.clients.pictures import Unreadable, inspect
from backend.clients.providers.base import ProviderError, Result

MOST_FILES = 16


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


def checked(result: Result, *, user_id: str, generation_id: str, attempt: int) -> list[Output]:
    """Return the files with their paths; an answer that is no usable picture is the provider's failure.

    The attempt is part of the path, so that an attempt that comes late can't touch what another one stored.
    """
    if not 0 < len(result.files) <= MOST_FILES:
        raise _unusable(f"The provider delivered {len(result.files)} files.", result)
    outputs = []
    for index, data in enumerate(result.files):
        try:
            picture = inspect(data)
        except Unreadable as error:
            raise _unusable(
                f"File {index + 1} of the provider's answer is no usable picture: {error}", result
            ) from error
        facts = {"kind": "image", "width": picture.width, "height": picture.height, "format": picture.format}
        path = f"{user_id}/{generation_id}/{attempt}-{index}.{picture.format}"
        outputs.append(Output(path, data, f"image/{picture.format}", facts))
    return outputs


def _unusable(message: str, result: Result) -> ProviderError:
    return ProviderError("provider_bad_answer", message, retryable=True, cost_micros=result.cost_micros)
