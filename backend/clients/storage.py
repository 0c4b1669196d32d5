"""Where outputs are kept: Supabase Storage, bucket `images`, private."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import structlog
from storage3 import SyncStorageClient
from storage3.exceptions import StorageApiError

from backend.config import Settings
from backend.errors import AppError, Internal, PayloadTooLarge, Unavailable

log = structlog.get_logger(__name__)

BUCKET = "images"
A_YEAR = "31536000"  # an output never changes under its path
_OUTAGES = {"408", "425", "429", "500", "502", "503", "504", "544"}


class Storage:
    """Uploads as the service, signs as the user. It never signs in, so no identity can leak into another call."""

    def __init__(self, settings: Settings, http: httpx.Client) -> None:
        self._base = f"{settings.supabase_url}/storage/v1/"
        self._publishable = settings.publishable_key
        self._secret = settings.secret_key.get_secret_value()
        self._http = http

    def upload(self, path: str, data: bytes, content_type: str) -> None:
        """Store a file with the service key; the same path again replaces it."""
        self._put(path, data, content_type, A_YEAR)

    def upload_archive(self, path: str, file: Path) -> None:
        """Store a zip file from disk without reading it into memory."""
        self._put(path, file, "application/zip", A_YEAR)

    def _put(self, path: str, data: Any, content_type: str, cache_seconds: str) -> None:
        options: Any = {"content-type": content_type, "cache-control": cache_seconds, "upsert": "true"}
        try:
            self._client(self._secret, self._secret).from_(BUCKET).upload(path, data, options)
        except StorageApiError as error:
            raise _refusal(error) from error
        except httpx.TransportError as error:
            raise Unavailable from error

    def download(self, path: str) -> bytes | None:
        """Return a file with the service key; None when it is not there."""
        try:
            return self._client(self._secret, self._secret).from_(BUCKET).download(path)
        except StorageApiError as error:
            if str(error.status) == "404":
                return None
            raise _refusal(error) from error
        except httpx.TransportError as error:
            raise Unavailable from error

    def discard(self, paths: Sequence[str]) -> None:
        """Remove files that nobody points at, if that works now; those that aren't there don't matter."""
        if not paths:
            return
        try:
            self._client(self._secret, self._secret).from_(BUCKET).remove(list(paths))
        except (StorageApiError, httpx.TransportError, AppError) as error:
            log.warning("files_left_behind", paths=paths, error=str(error))

    def sign(self, paths: Iterable[str], token: str, ttl: int) -> dict[str, str]:
        """Return a signed address per path with the user's own token; what they may not read is left out."""
        wanted = list(dict.fromkeys(paths))
        if not wanted:
            return {}
        try:
            answers = self._client(self._publishable, token).from_(BUCKET).create_signed_urls(wanted, ttl)
        except StorageApiError as error:
            raise _refusal(error) from error
        except httpx.TransportError as error:
            raise Unavailable from error
        return {
            path: urljoin(self._base, answer["signedURL"])
            for path, answer in zip(wanted, answers, strict=True)
            if answer["signedURL"] and not answer["error"]
        }

    def address(self, bucket: str, path: str, ttl: int) -> str | None:
        """Return a signed address for whoever holds it, with the service key; None when there is no such file."""
        try:
            answer = self._client(self._secret, self._secret).from_(bucket).create_signed_urls([path], ttl)[0]
        except StorageApiError as error:
            raise _refusal(error) from error
        except httpx.TransportError as error:
            raise Unavailable from error
        return urljoin(self._base, answer["signedURL"]) if answer["signedURL"] and not answer["error"] else None

    def _client(self, key: str, token: str) -> SyncStorageClient:
        # Cheap: no connection of its own, and a fresh set of headers per identity.
        return SyncStorageClient(
            self._base, {"apikey": key, "Authorization": f"Bearer {token}"}, http_client=self._http
        )


def _refusal(error: StorageApiError) -> AppError:
    if str(error.status) == "413":
        return PayloadTooLarge()
    return Unavailable() if str(error.status) in _OUTAGES else Internal()
