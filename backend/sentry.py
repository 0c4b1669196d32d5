"""Bugs to Sentry, when SENTRY_DSN names one: kind and place of each logged exception, and nothing that users wrote."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any

from backend import VERSION
from backend.config import Settings

Json = dict[str, Any]

FLUSH_SECONDS = 2.0
TAGS = ("request_id", "generation_id")
_EVENT = (
    "event_id",
    "timestamp",
    "level",
    "platform",
    "release",
    "environment",
    "server_name",
    "sdk",
    "logger",
    "tags",
)
_FRAME = (
    "filename",
    "abs_path",
    "module",
    "function",
    "lineno",
    "in_app",
    "pre_context",
    "context_line",
    "post_context",
)
_client: list[Any] = []


def configure(settings: Settings) -> None:
    """Send to the Sentry of these settings from now on, or nowhere; connects nothing."""
    _client.clear()
    if settings.sentry_dsn is None:
        return
    # Only here, since the package is an extra; load_settings has refused a SENTRY_DSN without it. No integration of the
    # SDK is wanted: each would gather requests, arguments or variables.
    sdk = importlib.import_module("sentry_sdk")
    _client.append(
        sdk.Client(
            dsn=settings.sentry_dsn.get_secret_value(),
            environment=settings.app_env,
            release=f"scrip@{VERSION}",
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            enable_backpressure_handling=False,
            send_client_reports=False,
            include_local_variables=False,
            before_send=scrub,
        )
    )


def report(_logger: Any, _name: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Pass a log line on, as a step of structlog; the exception in it, if any, goes to Sentry as well."""
    error = line.get("exc_info")
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if _client and isinstance(error, BaseException):
        with suppress(Exception):  # a report that fails must not take the log line along
            _send(error, line)
    return line


def flush() -> None:
    """Wait until all is sent, two seconds at most; for a process that ends at once."""
    for client in _client:
        client.flush(timeout=FLUSH_SECONDS)


def scrub(event: Json, _hint: Json) -> Json:
    """Return what may leave this house; messages of exceptions stay, since they may quote anything."""
    kept = {name: event[name] for name in _EVENT if name in event}
    found = event.get("exception", {}).get("values", [])
    kept["exception"] = {"values": [_exception(one) for one in found]}
    return kept


def _send(error: BaseException, line: Mapping[str, Any]) -> None:
    utils = importlib.import_module("sentry_sdk.utils")
    event, hint = utils.event_from_exception(error, client_options=_client[0].options)
    event["logger"] = str(line.get("logger") or "scrip")
    event["tags"] = {name: str(line[name]) for name in TAGS if line.get(name)}
    _client[0].capture_event(event, hint)


def _exception(found: Json) -> Json:
    frames = (found.get("stacktrace") or {}).get("frames") or []
    kept = [{name: frame[name] for name in _FRAME if name in frame} for frame in frames]
    return {"type": found.get("type"), "module": found.get("module"), "stacktrace": {"frames": kept}}
