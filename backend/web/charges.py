"""Credits for routes that are not generations: sign-in, a look at the balance, or a price around the whole view."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any
from uuid import uuid4

import structlog
from flask import Response, make_response, request
from pydantic import ValidationError

from backend.core import charges
from backend.deps import Deps
from backend.errors import AppError, InsufficientCredits, InvalidState
from backend.rpc.credits import get_credit_balance, release_reservation, reserve_credits
from backend.web.auth import current_caller, user
from backend.web.context import deps
from backend.web.errors import refuse_invalid
from backend.web.schemas import SpendHeaders

log = structlog.get_logger(__name__)

View = Callable[..., Any]

HOLD_SECONDS = 900


def require_auth(view: View) -> View:
    """Let only signed-in users in; for a route of a blueprint that is public otherwise."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        user()
        return view(*args, **kwargs)

    return guarded


def require_credits(credits: int) -> Callable[[View], View]:
    """Refuse early with 402 who has fewer credits; a look only, nothing is held."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            available = get_credit_balance(current_caller())["available"]
            if available < credits:
                raise InsufficientCredits(available=available, required=credits)
            return view(*args, **kwargs)

        return checked

    return decorate


def consume_credits(credits: int, action: str, *, hold_seconds: int = HOLD_SECONDS) -> Callable[[View], View]:
    """Hold the price before the view, take it when the view succeeds, give it back when it does not.

    Given back: the view raises or answers >= 400; a streamed answer breaks off; the client has left before the price
    is taken, and then gets no answer. A stream is paid for when it is complete: what a client saw before it left was
    free, so stream nothing whose beginning is worth the price. When the process dies, the hold runs out by itself after
    `hold_seconds`; a view that takes longer is charged as far as credits are available then. When the database goes
    away after the view has succeeded, the answer is sent all the same and the price is taken later (core/charges.py):
    nothing that was paid for is lost, and nothing is taken twice. One key runs the view once: a repeat is 409.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def charged(*args: Any, **kwargs: Any) -> Response:
            key = _key()
            hold = Hold(credits, action, key, hold_seconds)
            try:
                response = make_response(view(*args, **kwargs))
            except BaseException:
                hold.give_back()
                raise
            hold.settle(response)
            response.headers["Idempotency-Key"] = key
            return response

        return charged

    return decorate


class Hold:
    """Held credits of one request; knows all that it needs, because a stream outlives the request."""

    def __init__(self, credits: int, action: str, key: str, seconds: int) -> None:
        # A reference of its own makes every repeat of the key another request, so no view runs twice on one hold.
        reference = f"{action}:{uuid4().hex}"
        held = reserve_credits(
            current_caller(), amount=credits, idempotency_key=key, ttl_seconds=seconds, reference=reference
        )
        self._id, self._action = str(held["id"]), action
        self._deps: Deps = deps()
        self._client: socket.socket | None = request.environ.get("gunicorn.socket")

    def settle(self, response: Response) -> None:
        """Take the price or give it back, at once or when the stream ends."""
        if response.status_code >= 400:
            self.give_back()
        elif response.is_streamed:
            response.response = Metered(response.response, self)
        elif self.is_unwanted():
            self.give_back()
            raise InvalidState("You closed the connection before the answer was there; nothing was charged.")
        else:
            self.take()

    def take(self) -> None:
        """Take the price, now or later."""
        charges.take(self._deps, self._id)

    def give_back(self) -> None:
        """Give the credits back."""
        try:
            release_reservation(self._deps.rpc.as_service(), reservation_id=self._id, reason=f"{self._action} failed")
        except AppError as error:
            log.warning("release_failed", reservation_id=self._id, code=error.code)  # the hold runs out by itself

    def is_unwanted(self) -> bool:
        """Tell whether the client, or the proxy that speaks for it, has closed the connection."""
        if self._client is None:
            return False
        try:
            return self._client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except (BlockingIOError, ValueError):  # nothing to read, or a TLS socket, which can't tell
            return False
        except OSError:
            return True


class Metered:
    """A stream that is paid for when its last piece has been taken, and given back when it ends before."""

    def __init__(self, pieces: Iterable[Any], hold: Hold) -> None:
        self._pieces, self._hold, self._settled = pieces, hold, False

    def __iter__(self) -> Iterator[Any]:
        """Yield what the view yields, for as long as somebody listens."""
        for piece in self._pieces:
            self._listened_to()
            yield piece
        self._listened_to()
        self._settled = True
        self._hold.take()

    def _listened_to(self) -> None:
        if self._hold.is_unwanted():
            raise ConnectionResetError(errno.ECONNRESET, "the client has left")  # what gunicorn knows without a fuss

    def close(self) -> None:
        """End the view's own stream; called by the server however it went."""
        try:
            if hasattr(self._pieces, "close"):
                self._pieces.close()
        finally:
            if not self._settled:
                self._settled = True
                self._hold.give_back()


def _key() -> str:
    given = request.headers.get("Idempotency-Key")
    try:
        return SpendHeaders.model_validate({} if given is None else {"Idempotency-Key": given}).key
    except ValidationError as error:
        refuse_invalid(error)
