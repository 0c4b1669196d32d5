"""The way to the database: whose identity a call carries, what is tried again, and what is not."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import structlog

from backend.deps import build_deps
from backend.errors import InsufficientCredits, Internal, Misconfigured, Unauthenticated, Unavailable
from backend.rpc.client import Rpc
from backend.rpc.credits import get_credit_balance
from tests.patience import within
from tests.web.conftest import settings_for
from tests.worker.world import World

Reply = tuple[int, Any]


class Gateway:
    """A scripted gateway: answers what the test says, in order, then echoes who asked."""

    def __init__(self) -> None:
        self.script: list[Reply | None] = []
        self.seen: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                gateway.seen.append({name.lower(): value for name, value in self.headers.items()})
                reply = gateway.script.pop(0) if gateway.script else (200, self.headers["Authorization"])
                if reply is None:  # hang up without a word
                    self.close_connection = True
                    return
                status, body = reply
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Set-Cookie", f"bearer={len(gateway.seen)}; Path=/")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A scripted gateway."""
    made = Gateway()
    yield made
    made.stop()


@pytest.fixture
def rpc(gateway: Gateway) -> Rpc:
    """The client under test, talking to the scripted gateway."""
    return Rpc(settings_for(gateway.url))


def refused(state: str, message: str = "whatever") -> dict[str, str | None]:
    """Return the body of a refusal as PostgREST words it."""
    return {"code": state, "message": message, "details": None, "hint": None}


def test_each_caller_carries_its_own_identity(gateway: Gateway, rpc: Rpc) -> None:
    """User calls carry the user's token, service calls the secret key, and neither the other's."""
    rpc.as_user("alice-token").call("f")
    rpc.as_service().call("f")
    rpc.as_anon().call("f")
    carried = [(seen["apikey"], seen["authorization"]) for seen in gateway.seen]
    assert carried == [
        ("sb_publishable_test", "Bearer alice-token"),
        ("sb_secret_test", "Bearer sb_secret_test"),
        ("sb_publishable_test", "Bearer sb_publishable_test"),
    ]


def test_identities_never_mix_under_load(rpc: Rpc) -> None:
    """32 threads with different users on shared connections: no token leaks. (regression: A3, A4)"""

    def ask(number: int) -> bool:
        answer: str = rpc.as_user(f"user-{number}").call("f")
        return answer == f"Bearer user-{number}"

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(ask, range(2000)))


def test_the_request_id_travels_on(gateway: Gateway, rpc: Rpc) -> None:
    """So that the platform's log can be joined with ours."""
    with structlog.contextvars.bound_contextvars(request_id="find-me"):
        rpc.as_anon().call("f")
    assert gateway.seen[0]["x-request-id"] == "find-me"


@pytest.mark.parametrize(
    "trouble", [(500, refused("40001")), (500, refused("40P01")), None], ids=["serialization", "deadlock", "hang-up"]
)
def test_a_passing_conflict_is_tried_once_more(gateway: Gateway, rpc: Rpc, trouble: Reply | None) -> None:
    """The whole call again, since it is one transaction and once-only."""
    gateway.script = [trouble]
    rpc.as_anon().call("f")
    assert len(gateway.seen) == 2


@pytest.mark.parametrize("trouble", [(500, refused("40001")), None], ids=["serialization", "hang-up"])
def test_a_lasting_conflict_is_unavailable(gateway: Gateway, rpc: Rpc, trouble: Reply | None) -> None:
    """Twice and no more. (regression: C6)"""
    gateway.script = [trouble] * 5
    with pytest.raises(Unavailable):
        rpc.as_anon().call("f")
    assert len(gateway.seen) == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ((402, refused("PT402", "insufficient_credits")), InsufficientCredits),
        ((401, refused("PGRST303", "JWT expired")), Unauthenticated),
        ((500, refused("57014", "statement timeout")), Unavailable),
        ((503, refused("PGRST001")), Unavailable),
        ((503, {"message": "name resolution failed"}), Unavailable),
        ((502, b"<html>Bad gateway</html>"), Unavailable),
        ((522, b"<html>Connection timed out</html>"), Unavailable),
        ((429, b"slow down"), Unavailable),
        ((404, refused("PGRST202", "no such function")), Misconfigured),
        ((403, refused("42501", "permission denied for function")), Misconfigured),
        ((500, refused("42883", "no such function within a function")), Internal),
        ((401, {"message": "Invalid API key"}), Misconfigured),
        ((500, b"<html>"), Internal),
    ],
    ids=str,
)
def test_an_answer_means_one_thing_and_is_not_repeated(
    gateway: Gateway, rpc: Rpc, reply: Reply, kind: type[Exception]
) -> None:
    """A refusal, an outage or a bug; none is tried again behind the caller's back."""
    gateway.script = [reply]
    with pytest.raises(kind):
        rpc.as_anon().call("f")
    assert len(gateway.seen) == 1


def test_a_gateway_that_is_away_fails_at_once() -> None:
    """No sleeping and retrying while the user waits."""
    rpc = Rpc(settings_for("http://127.0.0.1:9"))
    done = threading.Event()

    def ask() -> None:
        with pytest.raises(Unavailable):
            rpc.as_anon().call("f")
        done.set()

    threading.Thread(target=ask, daemon=True).start()
    assert done.wait(within(1))


def test_arguments_may_have_any_name(rpc: Rpc) -> None:
    """Also those that the client uses itself."""
    assert rpc.as_anon().call("f", function="x", self="y", args="z")


def test_callers_of_one_process_do_not_see_each_others_headers(gateway: Gateway, rpc: Rpc) -> None:
    """They share one client of PostgREST; what a call brings must not stay in it. (regression: A3)"""
    rpc.as_user("ada", client_ip="192.0.2.1").call("f")
    rpc.as_service().call("f")
    assert [seen["authorization"] for seen in gateway.seen] == ["Bearer ada", f"Bearer {rpc._secret}"]
    assert [seen.get("x-client-ip") for seen in gateway.seen] == ["192.0.2.1", None]


def test_cookies_of_an_answer_are_not_sent_with_the_next_call(gateway: Gateway, rpc: Rpc) -> None:
    """It may be somebody else's; a gateway in front of the platform likes to set some."""
    rpc.as_user("ada").call("f")
    rpc.as_user("bob").call("f")
    assert [seen.get("cookie") for seen in gateway.seen] == [None, None]


def test_connections_are_made_anew_in_a_forked_child(world: World) -> None:
    """RQ forks per job; parent and child must not share a socket. (regression: A4)"""
    deps = build_deps(world.deps.settings)
    user = world.new_user()

    def available() -> int:
        found: int = get_credit_balance(deps.rpc.as_user(user.token))["available"]
        return found

    parents = (available(), id(deps.rpc), id(deps.http), id(deps.redis))
    child = _in_child(lambda: [available(), deps.rpc._http is deps.http, id(deps.rpc), id(deps.http), id(deps.redis)])
    assert child[:2] == [25, True]
    assert not set(child[2:]) & set(parents[1:])
    assert (available(), id(deps.rpc)) == parents[:2]


def _in_child(work: Callable[[], list[Any]]) -> list[Any]:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, json.dumps(work()).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    with os.fdopen(read) as answer:
        found: list[Any] = json.load(answer)
    return found
