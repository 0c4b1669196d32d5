"""A price around a view: held before, taken after success, back after failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any
from uuid import uuid4

import pytest
from flask import Blueprint, Flask, Response
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from backend.core import charges
from backend.errors import InvalidState, Unavailable
from backend.rpc.credits import confirm_reservation
from backend.web.auth import user
from backend.web.charges import consume_credits, require_auth, require_credits
from tests.web.person import Person
from tests.web.test_errors import check_shape
from tests.worker.world import World


class Died(BaseException):
    """The process ended right here."""


class Shop:
    """Routes with a price, and what they did."""

    def __init__(self, app: Flask) -> None:
        self.ran = 0
        bp = Blueprint("shop", __name__)
        bp.add_url_rule("/polish", view_func=consume_credits(5, "polish")(self.polish), methods=["POST"])
        bp.add_url_rule("/peek", view_func=require_credits(20)(self.peek))
        app.before_request_funcs["shop"] = [user]
        app.register_blueprint(bp)
        app.add_url_rule("/hello", view_func=require_auth(self.hello))
        self.do: Any = lambda: {"polished": True}

    def polish(self) -> Any:
        """Cost 5 credits."""
        self.ran += 1
        return self.do()

    def peek(self) -> dict[str, int]:
        """Need 20 credits and take none."""
        return {"peeked": 1}

    def hello(self) -> dict[str, int]:
        """Need a token."""
        return {"hello": 1}


@pytest.fixture
def shop(app: Flask) -> Shop:
    """The application with priced routes."""
    return Shop(app)


def buy(person: Person, key: str | None = None) -> TestResponse:
    """Use the priced route."""
    return person.ask("POST", "/polish", headers={"Idempotency-Key": key} if key else {})


def test_success_takes_the_price(shop: Shop, alice: Person, world: World) -> None:
    """Once, and it shows in the ledger and in the usage."""
    answer = buy(alice, "k-1")
    assert (answer.status_code, answer.json, answer.headers["Idempotency-Key"]) == (200, {"polished": True}, "k-1")
    assert world.ledger(alice.user)[-1] == ("usage", -5)
    assert world.sql.one("select action from public.usage_logs where user_id = %s", alice.id) == "polish"


@pytest.mark.parametrize("outcome", [lambda: ("no", 400), lambda: ("no", 503)])
def test_an_answer_of_failure_gives_it_back(shop: Shop, alice: Person, world: World, outcome: Any) -> None:
    """Also when nothing was raised. (regression: H20)"""
    shop.do = outcome
    assert buy(alice).status_code >= 400
    assert world.figures(alice.user) == (25, 0, 25)


@pytest.mark.parametrize(("error", "status"), [(InvalidState(), 409), (KeyError("bug"), 500)])
def test_an_exception_gives_it_back(shop: Shop, alice: Person, world: World, error: Exception, status: int) -> None:
    """A refusal and a bug alike. (regression: H2)"""

    def fail() -> None:
        raise error

    shop.do = fail
    assert buy(alice).status_code == status
    assert world.figures(alice.user) == (25, 0, 25)


def test_when_nothing_can_be_given_back_the_hold_runs_out(shop: Shop, alice: Person, world: World) -> None:
    """The process dies, or the database is away at that moment: the hold has an end of its own. (regression: H2)"""

    def die() -> None:
        world.supabase.down = ("/rest/v1/rpc/release_reservation",)
        raise Died

    shop.do = die
    with pytest.raises(Died):
        buy(alice)
    world.supabase.down = ()
    assert world.figures(alice.user) == (25, 5, 20)
    world.connection.execute(
        "update public.credit_reservations set expires_at = private.clock() where wallet_id = %s",
        [world.sql.wallet(alice.id)],
    )
    assert world.figures(alice.user) == (25, 0, 25)


def test_without_credits_the_view_does_not_run(shop: Shop, alice: Person) -> None:
    """402 before any work; five purchases of 5 are all that 25 credits buy, also in parallel. (regression: H5)"""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: buy(alice), range(20)))
    assert Counter(answer.status_code for answer in answers) == {200: 5, 402: 15}
    assert (shop.ran, alice.available()) == (5, 0)


def test_a_repeat_of_the_key_does_not_run_the_view_again(shop: Shop, alice: Person) -> None:
    """Neither for free nor for money; a new try is a new key. (regression: H11)"""
    assert buy(alice, "k-1").status_code == 200
    check_shape(buy(alice, "k-1"), 409, "idempotency_key_reused")
    shop.do = lambda: ("no", 400)
    buy(alice, "k-2")
    check_shape(buy(alice, "k-2"), 409, "idempotency_key_reused")
    assert (shop.ran, alice.available()) == (2, 20)


def held(world: World, person: Person) -> str:
    """The id of the newest reservation."""
    query = "select id from public.credit_reservations where wallet_id = %s order by created_at desc limit 1"
    return str(world.sql.one(query, world.sql.wallet(person.id)))


def test_a_stream_is_paid_for_when_it_is_complete(shop: Shop, alice: Person, world: World) -> None:
    """Held while it runs, taken at its end."""
    seen: list[tuple[int, int, int]] = []

    def pieces() -> Iterator[str]:
        yield "one"
        seen.append(world.figures(alice.user))
        yield "two"

    shop.do = lambda: Response(pieces())
    assert buy(alice).text == "onetwo"
    assert (seen, world.figures(alice.user)) == ([(25, 5, 20)], (20, 0, 20))


@pytest.mark.parametrize("status", [200, 500])
def test_a_stream_that_breaks_off_gives_it_back(shop: Shop, alice: Person, world: World, status: int) -> None:
    """Whatever it had said before; one that is a failure from the start, too."""

    def pieces() -> Iterator[str]:
        yield "one"
        if status == 200:
            raise KeyError("bug")

    shop.do = lambda: Response(pieces(), status=status)
    answer = buy(alice)
    with nullcontext() if status == 500 else pytest.raises(KeyError):
        answer.get_data()
    answer.close()
    assert world.figures(alice.user) == (25, 0, 25)


@pytest.mark.parametrize("meanwhile", ["nothing", "it was taken after all", "the hold ran out", "the hold was swept"])
def test_when_the_price_cannot_be_taken_at_once_it_is_taken_later(
    shop: Shop, alice: Person, world: World, meanwhile: str
) -> None:
    """The database goes away after the view succeeded: the answer is sent, and in the end it is paid for once."""

    def succeed_and_lose_the_database() -> dict[str, bool]:
        world.supabase.down = ("/rest",)
        return {"polished": True}

    shop.do = succeed_and_lose_the_database
    answer = buy(alice)
    assert (answer.status_code, answer.json) == (200, {"polished": True})
    with pytest.raises(Unavailable):
        charges.take_noted(world.deps)
    world.supabase.down = ()
    assert world.figures(alice.user) == (25, 5, 20)
    if meanwhile == "it was taken after all":
        confirm_reservation(world.deps.rpc.as_service(), reservation_id=held(world, alice))
    if meanwhile.startswith("the hold"):
        query = "update public.credit_reservations set expires_at = private.clock() where id = %s"
        world.connection.execute(query, [held(world, alice)])
    if meanwhile == "the hold was swept":
        world.connection.execute("select private.lock_wallet(%s)", [world.sql.wallet(alice.id)])
    assert [charges.take_noted(world.deps) for _ in range(2)] == [{"taken": 1}, {"taken": 0}]
    assert (world.figures(alice.user), world.ledger(alice.user)[1:]) == ((20, 0, 20), [("usage", -5)])
    assert world.sql.problems(world.sql.wallet(alice.id)) == []


def test_when_nothing_can_be_noted_either_the_log_says_so(world: World) -> None:
    """Database and Redis away at once: it does not raise, so the answer is sent; the hold runs out."""
    deps = world.variant(REDIS_URL="redis://127.0.0.1:9/0")
    with capture_logs() as lines:
        world.supabase.down = ("/rest",)
        charges.take(deps, str(uuid4()))
        world.supabase.down = ()
    assert [line["event"] for line in lines][-2:] == ["confirm_failed", "confirm_lost"]


def test_what_the_database_refuses_is_not_tried_for_ever(world: World) -> None:
    """A reservation that does not exist: said once, then forgotten."""
    world.deps.queue.note_unconfirmed(str(uuid4()))
    with capture_logs() as lines:
        assert [charges.take_noted(world.deps) for _ in range(2)] == [{"taken": 0}] * 2
    assert [line["event"] for line in lines] == ["confirm_refused"]


def test_a_malformed_key_is_422(shop: Shop, alice: Person) -> None:
    """Before anything is held."""
    check_shape(buy(alice, "with space"), 422, "invalid_params")
    assert (shop.ran, alice.available()) == (0, 25)


def test_require_credits_only_looks(shop: Shop, alice: Person) -> None:
    """402 with the figures when there are too few."""
    assert alice.get("/peek").status_code == 200
    assert alice.available() == 25
    for _ in range(2):
        buy(alice)
    error = check_shape(alice.get("/peek"), 402, "insufficient_credits")
    assert error["details"] == {"available": 15, "required": 20}


def test_require_auth_guards_a_route_of_a_public_blueprint(shop: Shop, app: Flask, alice: Person) -> None:
    """The same 401 as everywhere."""
    check_shape(app.test_client().get("/hello"), 401, "unauthenticated")
    assert alice.get("/hello").json == {"hello": 1}
