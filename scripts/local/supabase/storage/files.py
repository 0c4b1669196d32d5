"""Files on disk. Their names are random versions, so no name of a caller ever becomes a path."""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scripts.local.supabase.storage.errors import no_object, too_large

CHUNK = 256 * 1024


@dataclass(frozen=True)
class Stored:
    """A file that has been written."""

    version: str
    size: int
    etag: str


class Files:
    """The folder that holds every object's bytes, by version."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def write(self, source: IO[bytes], limit: int) -> Stored:
        """Store a stream; nothing is left of one that is too long or breaks off."""
        version = str(uuid.uuid4())
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".upload-")
        try:
            with os.fdopen(handle, "wb") as target:
                size, digest = _copy(source, target, limit)
            os.replace(name, self.path(version))
        except BaseException:
            os.unlink(name)
            raise
        return Stored(version, size, f'"{digest}"')

    def copy(self, version: str) -> str:
        """Store the bytes of a version once more."""
        with self.existing(version).open("rb") as source:
            return self.write(source, limit=2**63).version

    def existing(self, version: str) -> Path:
        """Return where a stored file is."""
        path = self.path(version)
        if not path.exists():  # replaced or removed since its row was read
            raise no_object()
        return path

    def delete(self, *versions: str | None) -> None:
        """Remove files; those that are gone already do not matter."""
        for version in filter(None, versions):
            with suppress(FileNotFoundError):
                self.path(version).unlink()

    def path(self, version: str) -> Path:
        """Return where a version is; anything but a version is a bug or an attack."""
        return self._folder / str(uuid.UUID(version))


def _copy(source: IO[bytes], target: IO[bytes], limit: int) -> tuple[int, str]:
    size, digest = 0, hashlib.md5(usedforsecurity=False)
    while chunk := source.read(CHUNK):
        size += len(chunk)
        if size > limit:
            raise too_large()
        digest.update(chunk)
        target.write(chunk)
    return size, digest.hexdigest()
