"""What a fal request made: found in its answer and downloaded from fal's file hosts, without credentials."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from backend.clients.providers.base import ProviderError, ProviderUnavailable, Result, ResultGone
from backend.config import LOOPBACK
from backend.trust import TRUSTED

LARGEST_FILE = 128 * 1024 * 1024
MOST_FILES = 16
DOWNLOAD_SECONDS = 120.0
ONE = ("image", "video", "audio", "audio_file")


class Downloads:
    """Fetches files by https; plain http is for a stand-in on this machine alone."""

    def __init__(self, *, local: bool) -> None:
        self._local = local
        patience = httpx.Timeout(20, connect=5)
        self._http = httpx.Client(verify=TRUSTED, timeout=patience, follow_redirects=False, trust_env=not local)

    def result(self, payload: Mapping[str, Any]) -> Result:
        """Return the files that an answer names; flagged pictures are refused, since fal blackens them."""
        if any(flag is True for flag in payload.get("has_nsfw_concepts") or ()):
            raise ProviderError("content_refused", "fal flagged what the model made.", retryable=False)
        named = payload.get("images") or [payload[name] for name in ONE if payload.get(name)]
        if not isinstance(named, list) or not 0 < len(named) <= MOST_FILES:
            raise ProviderError("provider_bad_answer", "fal's answer names no usable files.", retryable=True)
        until = time.monotonic() + DOWNLOAD_SECONDS
        return Result(files=tuple(self._download(_url(file), until) for file in named))

    def _download(self, url: str, until: float) -> bytes:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (self._local and parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ProviderError("provider_bad_answer", "fal names a file that is not at https.", retryable=True)
        data = bytearray()
        try:
            with self._http.stream("GET", url) as answer:
                _check(answer)
                for chunk in answer.iter_bytes():
                    data += chunk
                    if len(data) > LARGEST_FILE:
                        raise ProviderError("provider_bad_answer", "A file of fal's is too large.", retryable=True)
                    if time.monotonic() > until:
                        raise ProviderUnavailable("A file of fal's came too slowly.")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderUnavailable(f"A file of fal's can't be had: {type(error).__name__}.") from error
        return bytes(data)


def _url(file: Any) -> str:
    url = file.get("url") if isinstance(file, Mapping) else file
    return url if isinstance(url, str) else ""


def _check(answer: httpx.Response) -> None:
    if answer.status_code in (403, 404, 410):
        raise ResultGone(f"A file of fal's is gone ({answer.status_code}).")
    if answer.status_code != 200:
        raise ProviderUnavailable(f"A file host of fal's answered {answer.status_code}.")
