"""One key, one generation: over HTTP, in sequence and in parallel, and never across users."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.web.person import GENERATIONS, Person
from tests.web.test_errors import check_shape
from tests.worker.world import World


def test_a_repeat_answers_the_first_generation(alice: Person) -> None:
    """Same key, same request: the stored outcome; credits move once."""
    first, second = (alice.create(key="order-1") for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json == second.json
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] == "order-1"
    assert alice.available() == 21


def test_a_repeat_shows_the_present_state(alice: Person, world: World) -> None:
    """A retry after the answer got lost learns how it ended, and starts nothing."""
    generation = alice.create(key="order-1", width=64, height=64).json
    world.run(generation["id"])
    again = alice.create(key="order-1", width=64, height=64).json
    assert (again["id"], again["status"]) == (generation["id"], "succeeded")
    assert again["outputs"][0]["url"]
    assert alice.available() == 21


def test_the_same_key_for_another_request_is_refused(alice: Person) -> None:
    """Prompt, params and model all count; nothing moves. (regression: H9)"""
    generation = alice.create(key="order-1").json
    for other in (
        alice.create(key="order-1", prompt="a blue fox"),
        alice.create(key="order-1", num_images=2),
        alice.create("local/slow", key="order-1"),
    ):
        check_shape(other, 409, "idempotency_key_reused")
    assert [row["id"] for row in alice.get(GENERATIONS).json["data"]] == [generation["id"]]
    assert alice.available() == 21


def test_without_a_key_each_request_is_its_own(alice: Person) -> None:
    """A key is made up, echoed, and can be used for a retry."""
    first, second = alice.create(), alice.create()
    assert first.json["id"] != second.json["id"]
    assert alice.create(key=first.headers["Idempotency-Key"]).json["id"] == first.json["id"]


def test_the_key_of_one_user_never_touches_another(alice: Person, bob: Person) -> None:
    """Keys are one user's own. (regression: H12)"""
    hers, his = alice.create(key="order-1"), bob.create(key="order-1", prompt="something else")
    assert (hers.status_code, his.status_code) == (202, 202)
    assert hers.json["id"] != his.json["id"]
    assert (alice.available(), bob.available()) == (21, 21)


def test_parallel_repeats_start_one_generation(alice: Person) -> None:
    """Twenty impatient clicks."""
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: alice.create(key="order-1"), range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert alice.available() == 21


def test_parallel_creates_spend_exactly_what_is_there(alice: Person, world: World) -> None:
    """200 requests of 1 credit on a wallet of 50: 50 start and 150 are refused. (regression: H5)"""
    world.sql.grant(alice.id, 25)
    quote = alice.ask("POST", f"{GENERATIONS}/quote", json={"model": "local/slow", "params": {"seconds": 1}}).json
    assert (quote["credits"], alice.available()) == (1, 50)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: alice.create("local/slow", seconds=1), range(200)))
    assert Counter(answer.status_code for answer in answers) == {202: 50, 402: 150}
    assert {answer.json["error"]["code"] for answer in answers if answer.status_code == 402} == {"insufficient_credits"}
    balance = alice.get("/api/v1/credits/balance").json
    assert (balance["balance"], balance["held"], balance["available"]) == (50, 50, 0)
    assert world.sql.problems(world.sql.wallet(alice.id)) == []
