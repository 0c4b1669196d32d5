"""The one way to the database: calls SQL operations through PostgREST, each call under its caller's own identity."""

from __future__ import annotations

import time
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from postgrest import APIError, SyncPostgrestClient

from backend.config import LOOPBACK, Settings
from backend.errors import AppError, Internal, Misconfigured, Unavailable
from backend.metrics import saw_rpc
from backend.refusals import CONFLICTS, from_sql
from backend.trust import TRUSTED

log = structlog.get_logger(__name__)

# A kept-alive connection that the other side had just closed. Sending again is safe: an operation is one transaction,
# and once-only by its key, its attempt number or its state.
_DROPPED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
DOCTOR = "Run scripts/doctor.py with the variables of this server."
# PostgREST knows no such function (here, or with these arguments), or the caller may not run it.
_LACKING = ("PGRST202", "42501")
_GATEWAY_DOWN = {502, 503, 504, *range(520, 531)}


class _NoCookies(httpx.Cookies):
    def extract_cookies(self, response: httpx.Response) -> None:
        """Keep none."""


class _Client(httpx.Client):
    """A client that keeps no cookies: what one user was answered is not for the next one, and looking takes time."""

    cookies = _NoCookies()  # type: ignore[override]  # a property of the base class


def connect(settings: Settings, *, seconds: float = 10) -> httpx.Client:
    """Return the HTTP client that one process shares; HTTP/1.1, since a shared HTTP/2 client drops requests."""
    return _Client(
        http2=False,
        verify=TRUSTED,
        timeout=httpx.Timeout(seconds, connect=min(seconds, 3), pool=min(seconds, 5)),
        limits=httpx.Limits(max_connections=32, max_keepalive_connections=32, keepalive_expiry=20),
        event_hooks={"response": [_refuse_outage, partial(_refuse_key, settings)]},
        trust_env=urlsplit(settings.supabase_url).hostname not in LOOPBACK,
    )


def _refuse_outage(response: httpx.Response) -> None:
    # Here, because an APIError no longer knows the HTTP status.
    if response.status_code in _GATEWAY_DOWN:
        log.warning("platform_unavailable", status=response.status_code, path=response.url.path)
        raise Unavailable


def _refuse_key(settings: Settings, response: httpx.Response) -> None:
    # The gateway's own 401 names no code: our key is wrong. PostgREST's does: the caller has not the right.
    if response.status_code != 401 or {"code", "error", "statusCode"} & set(_json(response)):
        return
    secret = response.request.headers.get("apikey") == settings.secret_key.get_secret_value()
    name = "SUPABASE_SECRET_KEY" if secret else "SUPABASE_PUBLISHABLE_KEY"
    log.error("platform_key_refused", variable=name, path=response.url.path)
    raise Misconfigured(f"The project does not accept {name} of this server.", variable=name, mend=DOCTOR)


def _json(response: httpx.Response) -> dict[str, Any]:
    response.read()
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class Rpc:
    """Makes callers; holds the keys and the connections of this process."""

    def __init__(self, settings: Settings, http: httpx.Client | None = None) -> None:
        self._publishable = settings.publishable_key
        self._secret = settings.secret_key.get_secret_value()
        self._http = http or connect(settings)
        # Nobody signs in here, so its headers never change: a call brings its own. The library's own retries would
        # hold a request for 7 seconds when the database is down.
        url = f"{settings.supabase_url}/rest/v1"
        self._rest = SyncPostgrestClient(url, http_client=self._http, retry_enabled=False)

    def as_user(self, token: str, client_ip: str | None = None) -> Caller:
        """Return a caller that acts as the owner of this access token; the audit log is told where it comes from."""
        return Caller(self._rest, self._publishable, token, client_ip=client_ip)

    def as_service(self) -> Caller:
        """Return a caller that may run service operations."""
        return Caller(self._rest, self._secret, self._secret, service=True)

    def as_anon(self) -> Caller:
        """Return a caller without a user."""
        return Caller(self._rest, self._publishable, self._publishable)


class Caller:
    """One identity towards the database."""

    def __init__(
        self,
        rest: SyncPostgrestClient,
        key: str,
        token: str,
        *,
        service: bool = False,
        client_ip: str | None = None,
    ) -> None:
        self._rest, self._service = rest, service
        self._headers = {"apikey": key, "Authorization": f"Bearer {token}"}
        if client_ip:
            self._headers["X-Client-Ip"] = client_ip

    def call(self, function: str, /, **args: Any) -> Any:
        """Run a SQL operation by name and return its JSON; a refusal becomes the AppError of its code."""
        started, outcome = time.perf_counter(), "ok"
        try:
            return self._call(function, args)
        except AppError as error:
            outcome = "refused" if error.status < 500 else error.code
            raise
        finally:
            saw_rpc(operation=function, outcome=outcome, seconds=time.perf_counter() - started)

    def _call(self, function: str, args: dict[str, Any]) -> Any:
        try:
            return self._send(function, args)
        except _DROPPED:
            return self._again(function, args)
        except APIError as error:
            if error.code in CONFLICTS:
                return self._again(function, args)
            raise self._refusal(function, error) from error
        except httpx.RequestError as error:
            raise _unreachable(function, error) from error

    def _again(self, function: str, args: dict[str, Any]) -> Any:
        try:
            return self._send(function, args)
        except APIError as error:
            raise self._refusal(function, error) from error
        except httpx.RequestError as error:
            raise _unreachable(function, error) from error

    def _send(self, function: str, args: dict[str, Any]) -> Any:
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        query = self._rest.rpc(function, args)
        query.request.headers.update(self._headers)
        if request_id:
            query.request.headers["X-Request-Id"] = str(request_id)
        return query.execute().data

    def _refusal(self, function: str, error: APIError) -> AppError:
        if self._service and error.code == "42501":
            log.error("secret_key_without_rights", operation=function)
            name = "SUPABASE_SECRET_KEY"
            return Misconfigured(f"{name} of this server has no secret key's rights.", variable=name, mend=DOCTOR)
        if error.code in _LACKING:
            log.error("operation_missing", operation=function, sqlstate=error.code, reason=error.message)
            missing = f"The database of this server lacks {function}, or its grants: migrations are missing."
            return Misconfigured(missing, operation=function, mend=DOCTOR)
        refusal = from_sql(error.code, error.message, error.details, error.hint)
        if isinstance(refusal, Internal):
            log.error("rpc_failed", operation=function, sqlstate=error.code, reason=error.message, detail=error.details)
        return refusal


def _unreachable(function: str, error: httpx.RequestError) -> Unavailable:
    log.warning("rpc_unreachable", operation=function, reason=type(error).__name__)
    return Unavailable()
