"""The local Stripe as a WSGI app: the API under /v1, hosted pages, and controls for tests under /__control."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

from werkzeug.wrappers import Request, Response

from scripts.local.stripe import (  # noqa: F401 - importing them registers their routes
    catalog,
    charges,
    checkout,
    clocks,
    customers,
    disputes,
    events,
    invoices,
    payments,
    portal,
    refunds,
    renewals,
    subscriptions,
)
from scripts.local.stripe.answers import expanded
from scripts.local.stripe.control import Control
from scripts.local.stripe.errors import Refusal, invalid
from scripts.local.stripe.forms import Form, parse
from scripts.local.stripe.hosted import Pages
from scripts.local.stripe.idempotency import Keys
from scripts.local.stripe.routes import Route, find
from scripts.local.stripe.state import API_VERSION, State
from scripts.local.stripe.webhooks import Sender


class App:
    """Answers as api.stripe.com would."""

    def __init__(self, state: State, sender: Sender) -> None:
        self.state = state
        self.control = Control(state, sender)
        self._pages = Pages(state)
        self._keys = Keys(state)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        if request.path.startswith("/__control/"):
            response = self.control.respond(request)
        elif request.path.startswith("/v1/"):
            response = self._api(request)
        else:
            response = self._pages.respond(request)
        return response(environ, start_response)

    def _api(self, request: Request) -> Response:
        request_id = self.state.random.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=14)
        headers = {"Request-Id": "req_" + "".join(request_id), "Stripe-Version": API_VERSION}
        fault = self.control.next_fault(request.path)
        if fault and fault.when == "before":
            return _response(fault.status, fault.body, headers)
        try:
            status, body = self._answer(request, headers)
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
        if fault:
            return _response(fault.status, fault.body, headers)
        return _response(status, body, headers)

    def _answer(self, request: Request, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self._authenticate(request)
        self._check_version(request)
        route, ids = _route(request)
        encoded = request.get_data(as_text=True) if request.method == "POST" else request.query_string.decode()
        form = parse(encoded)
        form.allow(route.takes)
        key = request.headers.get("Idempotency-Key") if request.method != "GET" else None
        asked = f"{request.method} {request.path} {encoded}"
        with self._keys.using(key, asked) as stored:
            if stored:
                headers["Idempotent-Replayed"] = "true"
                return stored
            if self.control.slow:
                time.sleep(self.control.slow)
            return self._carry_out(route, form, ids, key, asked, headers["Request-Id"])

    def _carry_out(
        self, route: Route, form: Form, ids: tuple[Any, ...], key: str | None, asked: str, request_id: str
    ) -> tuple[int, dict[str, Any]]:
        with self.state.lock:
            self.state.request = (request_id, key)
            try:
                renewals.tick(self.state)
                answer = route.answer(self.state, form, ids)
                result = 200, expanded(self.state, answer, form.texts("expand"))
            except Refusal as refusal:
                result = refusal.status, json.loads(json.dumps(refusal.body))
            finally:
                self.state.request = (None, None)
            self._keys.keep(key, asked, result)
            self.state.write()
        return result

    def _authenticate(self, request: Request) -> None:
        basic = request.authorization.username if request.authorization else None
        given = basic or request.headers.get("Authorization", "").removeprefix("Bearer ")
        if given != self.state.settings.secret_key:
            shown = f"{given[:8]}...{given[-4:]}" if given else "none"
            raise Refusal(401, "invalid_request_error", f"Invalid API Key provided: {shown}")

    def _check_version(self, request: Request) -> None:
        version = request.headers.get("Stripe-Version", API_VERSION)
        if version != API_VERSION:
            raise invalid(f"The local Stripe speaks API version {API_VERSION} alone, not {version}.")


def _route(request: Request) -> tuple[Route, tuple[Any, ...]]:
    found = find(request.path)
    if request.method not in found:
        raise invalid(
            f"Unrecognized request URL ({request.method}: {request.path}), or one that is not in the local Stripe.",
            status=404,
        )
    return found[request.method]


def _response(status: int, body: Any, headers: dict[str, str]) -> Response:
    return Response(json.dumps(body), status=status, headers=headers, content_type="application/json")
