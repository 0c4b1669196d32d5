"""The checks of scripts/chaos can fail: each notices books that are spoilt in its own way, and sound books pass."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import time
from typing import Any, LiteralString

import psycopg
import pytest

from scripts.storms.audit import audit, price_key, rows_of, weather_findings
from scripts.storms.blows import KINDS
from scripts.storms.orders import Orders
from scripts.storms.stack import HISTORY
from scripts.storms.users import Weather
from scripts.storms.wishes import Wish
from tests.factories import Json, Sql

PRICED = "select params, credits_reserved from public.generations where id = %s"
PICTURE, FLUX = "local/picture", "fal/flux-schnell"


@dataclass
class Books:
    """What a storm leaves, in small: a success, one by an order at fal, a failure, a cancel and a batch of two."""

    sql: Sql
    user: uuid.UUID = field(init=False)
    wishes: list[Wish] = field(default_factory=list)
    orders: list[Json] = field(default_factory=list)
    prices: dict[str, int] = field(default_factory=dict)
    weather: Weather = field(default_factory=lambda: Weather(give_up_at=0, most_open=0))
    dealt: Counter[str] = field(default_factory=lambda: Counter(KINDS.keys()))

    def __post_init__(self) -> None:
        self.execute(HISTORY.read_text())  # type: ignore[arg-type]  # our own file
        self.user = self.sql.new_user(credits=40)
        self.end(self.ask(PICTURE, "single"))
        self.ordered = self.ask(FLUX, "ordered")
        self.end(self.ordered, order="order-1")
        self.end(self.ask(PICTURE, "failed"), fails=True)
        self.sql.as_user(self.user, "cancel_generation", p_generation_id=self.ask(PICTURE, "canceled"))
        first, second = self.ask_batch("batch")
        self.end(first)
        self.end(second, fails=True)
        self.ask_again()
        self.wishes[-1].retries = 1

    def execute(self, statement: LiteralString, *parameters: Any) -> None:
        """As the owner of the tables."""
        self.sql.connection.execute(statement, parameters or None)

    def ask(self, model: str, key: str) -> str:
        """One generation; returns its id."""
        asked = {"p_model_id": model, "p_prompt": "a fox", "p_params": {}, "p_idempotency_key": key}
        made = self.sql.as_user(self.user, "create_generation", **asked)
        row = self.sql.connection.execute(PRICED, [made["id"]]).fetchone()
        assert row is not None
        self.prices[price_key(model, row[0])] = row[1]
        self._answered(key, made["id"], 1)
        return str(made["id"])

    def ask_batch(self, key: str) -> list[str]:
        """Two generations as one; returns their ids."""
        items = [{"model": PICTURE, "prompt": f"fox {n}", "params": {}} for n in range(2)]
        made = self.sql.as_user(self.user, "create_batch", p_items=items, p_idempotency_key=key, p_partial=False)
        self._answered(key, made["id"], 2)
        return [item["generation_id"] for item in made["items"]["data"]]

    def ask_again(self) -> None:
        """What failed of the batch, and fails again."""
        told = {"p_batch_id": self.wishes[-1].id, "p_idempotency_key": uuid.uuid4().hex}
        made = self.sql.as_user(self.user, "retry_batch", **told)
        self.end(made["items"]["data"][1]["generation_id"], fails=True)

    def end(self, generation: str, *, fails: bool = False, order: str = "") -> None:
        """A worker takes it and ends it, by an order at the provider or by itself."""
        fence = {"p_generation_id": generation, "p_attempt": self.sql.claim({"id": generation})["attempt"]}
        if order:
            told = {"p_progress": 0.5, "p_provider_request_id": f"key:{order}", "p_lease_seconds": 60}
            self.sql.as_service("heartbeat_generation", **fence, **told)
            self.orders.append(self.order(order, generation))
        if fails:
            failure = {"p_error_code": "x", "p_error_message": "no", "p_retryable": False}
            self.sql.as_service("fail_generation", **fence, **failure)
            return
        path = f"{self.user}/{generation}/1-0.png"
        self.execute("insert into storage.objects (bucket_id, name) values ('images', %s)", path)
        self.sql.as_service("complete_generation", **fence, p_outputs=[{"path": path}])

    def order(self, order: str, generation: str, *, later: float = 0) -> Json:
        """What fal tells of an order."""
        told = {"id": order, "generation": generation, "attempt": 1, "taken_at": time() + later}
        return told | {"billed": True, "outcome": "ok", "input": {"prompt": "a fox"}}

    def unsound(self) -> dict[str, object]:
        """What the audit finds wrong, by name."""
        return {finding.name: finding.found for finding in self.findings() if not finding.sound}

    def findings(self) -> list[Any]:
        """Everything that scripts/chaos checks."""
        connection = self.sql.connection
        rows = rows_of(connection)
        found = audit(connection, rows, {str(self.user): self.wishes}, {str(self.user): 40}, self.prices)
        found += Orders(connection, self.orders).findings({row.id for row in rows})
        return found + weather_findings(self.weather, self.dealt)

    def _answered(self, key: str, id: str, size: int) -> None:
        self.wishes.append(Wish(key, "/generations", {}, [{}] * size, regretted=False, id=id))


@pytest.fixture
def books(db: psycopg.Connection[Any]) -> Books:
    """Sound books, in a transaction that is rolled back."""
    db.execute("select 1")
    return Books(Sql(db))


def charge_for_nothing(books: Books) -> None:
    """A hold is charged that no generation stands behind."""
    hold = books.sql.reserve(books.user, 3)
    books.sql.as_service("confirm_reservation", p_reservation_id=hold["id"])


def charge_twice(books: Books) -> None:
    """The unique index that forbids it is gone, and so is what else would notice."""
    books.execute("drop index public.credit_transactions_one_usage_per_reservation")
    books.execute(
        """create temporary table again on commit drop as
             select * from public.credit_transactions where kind = 'usage' limit 1;
           update again set id = 1000000000;
           insert into public.credit_transactions overriding system value table again"""
    )


def says(statement: LiteralString) -> Callable[[Books], None]:
    """Spoil them by a statement."""
    return lambda books: books.execute(statement)


SPOILT: dict[str, Callable[[Books], object]] = {
    "generations without an end": says(
        """update public.generations set status = 'queued', dispatch_at = now(), finished_at = null
           where status = 'failed'"""
    ),
    "ended more than once": says(
        """insert into storm.history (generation_id, status, attempt)
           select generation_id, 'failed', attempt from storm.history where status = 'succeeded' limit 1"""
    ),
    "reservations still held": says(
        "update public.credit_reservations set status = 'held', settled_at = null where status = 'released'"
    ),
    "reservations charged twice": charge_twice,
    "charged without success, or success not charged": says(
        "update public.generations set credits_charged = 1 where status = 'failed'"
    ),
    "credits held in wallets": says("update public.wallets set held = held + 1"),
    "trial balance difference": says("update public.wallets set balance = balance + 1"),
    "problems found by verify_ledger": says("update public.wallets set ledger_head = '\\x00'"),
    "outputs missing in storage": says("update storage.objects set name = name || '.gone'"),
    "successes without outputs": says("update public.generations set outputs = '[]'"),
    "items of a batch charged twice": says(
        """update public.generations set batch_id = (select id from public.batches), batch_index = 0, batch_round = 9
           where model_id = 'fal/flux-schnell'"""
    ),
    "credits charged = prices of the succeeded": charge_for_nothing,
    "wallets that differ from what their user was given and delivered": lambda books: books.sql.grant(books.user, 1),
    "answered 202 without all their rows": lambda books: books.wishes[-1].items.pop(),
    "items tried more often than asked": lambda books: books.ask_again(),
    "keys with more than one outcome": says("update public.batches set idempotency_key = 'single'"),
    "keys with two different answers": lambda books: books.wishes[0].note(202, {"id": "another"}),
    "requests that never got an answer": lambda books: books.wishes.append(
        Wish("key", "/generations", {}, [{}], False)
    ),
    "refused for another reason than credits": lambda books: books.wishes[0].note(
        409, {"error": {"code": "idempotency_key_reused"}}
    ),
    "rows that nobody was answered": lambda books: books.wishes.pop(),
    "resumable requests paid twice": lambda books: books.orders.append(books.order("order-2", books.ordered, later=60)),
    "orders that no generation holds credits for": lambda books: books.orders.append(
        books.order("order-2", str(uuid.uuid4()))
    ),
    "orders that don't tell their attempt": lambda books: books.orders[0].update(attempt=None),
    "answers 500": lambda books: books.weather.met.update(["500"]),
    "kinds of blow never dealt": lambda books: books.dealt.pop("scheduler killed"),
}


def test_sound_books_pass(books: Books) -> None:
    """Nothing to complain about, and every check that there is can be spoilt below."""
    assert books.unsound() == {}
    assert {finding.name for finding in books.findings()} == set(SPOILT)


@pytest.mark.parametrize("figure", SPOILT)
def test_a_spoilt_figure_is_noticed(books: Books, figure: str) -> None:
    """The check that is there for it tells, whatever others tell too."""
    SPOILT[figure](books)
    assert figure in books.unsound()


def test_an_order_after_an_unknown_or_spoilt_one_is_no_fault_of_ours(books: Books) -> None:
    """Nobody could go on with what nobody was told of, or with a result that the provider lost."""
    books.orders += [books.order("untold-1", books.orders[0]["generation"], later=-60)]
    assert books.unsound() == {}
    books.orders[0]["input"]["prompt"] = "a fox [fal:gone]"
    books.orders += [books.order("order-2", books.ordered, later=60)]
    assert books.unsound() == {}
