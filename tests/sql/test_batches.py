"""Batches: priced and held as one, run item by item, canceled and retried as one."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable

import psycopg
import pytest
from psycopg.types.json import Jsonb

from scripts.local.postgres import SUPERUSER
from tests.factories import Json, Sql
from tests.sql.batching import batch, items, run, run_all, seen, sound
from tests.sql.conftest import refused

Connect = Callable[[], Sql]

# Counts statements and rows as the tables themselves see them.
COUNTERS = """
create table private.test_changes (what text, statements int not null default 0, rows int not null default 0);
create function private.test_count() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into private.test_changes
  select tg_table_name || ' ' || lower(tg_op), (tg_level = 'STATEMENT')::int, (tg_level = 'ROW')::int;
  return null;
end $$;
"""
# What somebody owns, without ids and times; a lot is named by what it was when it came in.
BOOKS = {
    "ledger": """
      select t.kind, t.amount, t.balance_after, t.contra,
        (select array_agg(array[g.amount, (l ->> 'amount')::bigint] order by n)
         from jsonb_array_elements(t.lots) with ordinality x (l, n)
           join credit_grants g on g.id = (l ->> 'grant_id')::uuid)
      from credit_transactions t join wallets w on w.id = t.wallet_id where w.user_id = %s order by t.id""",
    "lots": """
      select g.source, g.amount, g.remaining from credit_grants g join wallets w on w.id = g.wallet_id
      where w.user_id = %s order by g.created_at, g.amount""",
    "holds": """
      select r.status, r.amount, r.confirmed_amount, r.late_settle, count(*)
      from credit_reservations r join wallets w on w.id = r.wallet_id
      where w.user_id = %s group by 1, 2, 3, 4 order by 1""",
}
# Items that are right, then items that are wrong, each in another way.
PICTURE, SPEECH = {"model": "local/picture", "prompt": "a fox"}, {"model": "local/speech", "prompt": "x" * 900}
KINDS: list[Json] = [
    PICTURE, PICTURE | {"prompt": "two", "params": {"num_images": 2}}, SPEECH, SPEECH | {"prompt": "x" * 1100},
    PICTURE | {"params": None, "presets": []}, PICTURE | {"params": {"seed": 7}},
    PICTURE | {"params": {"seed": "x" * 9}},
    7, {}, PICTURE | {"model": "no/such"}, PICTURE | {"prompt": "  "}, PICTURE | {"prompt": None},
    SPEECH | {"prompt": " " * 900},
    PICTURE | {"prompt": "x" * 2001}, PICTURE | {"params": {"num_images": 5}}, PICTURE | {"params": [1]},
    PICTURE | {"params": {"seed": "x" * 16384}},
    PICTURE | {"presets": [1]}, SPEECH | {"prompt": "x" * 5001},
]  # fmt: skip
WATCHED = ("wallets", "credit_grants", "credit_reservations", "generations", "credit_transactions")


@pytest.fixture
def alice(sql: Sql) -> uuid.UUID:
    """Somebody with credits for six pictures and a bit."""
    return sql.new_user(credits=26)


def watch(sql: Sql) -> Callable[[], dict[str, tuple[int, int]]]:
    """Count from now on: 'table verb' -> (statements that changed something, rows)."""
    sql.connection.execute(COUNTERS.encode())
    for table in WATCHED:
        for verb in ("insert", "update"):
            for level in ("statement", "row"):
                sql.connection.execute(
                    f"create trigger test_{verb}_{level} after {verb} on public.{table}"
                    f" for each {level} execute function private.test_count()".encode()
                )

    def read() -> dict[str, tuple[int, int]]:
        rows = sql.connection.execute(
            "select what, sum(statements), sum(rows) from private.test_changes group by 1 having sum(rows) > 0"
        ).fetchall()
        return {what: (int(statements), int(changed)) for what, statements, changed in rows}

    return read


def test_a_batch_of_500_is_one_update_of_the_wallet(sql: Sql) -> None:
    """One statement per table, one row of the wallet, one of each lot; the ledger is not touched before an end."""
    alice = sql.new_user(credits=1500)
    sql.grant(alice, 600, lasts=3600)
    changes = watch(sql)
    made = batch(sql, alice, 500)
    counted = changes()
    assert counted.pop("wallets update") == (1, 1)
    assert counted.pop("credit_grants update") == (2, 2)
    assert counted.pop("credit_reservations insert") == (1, 500)
    assert counted.pop("generations insert") == (1, 500)
    assert counted == {}, "the first four are made with their slots"
    assert made["counts"]["queued"] == 500 and made["credits"] == {"reserved": 2000, "charged": 0}
    assert sql.balance(alice) == (2100, 2000, 100)
    assert sound(sql)


def test_a_batch_leaves_the_books_of_as_many_singles(sql: Sql) -> None:
    """Same lots burnt in the same order, same ledger, same balance, when some fail and the rest is canceled."""
    books = []
    for in_batch in (True, False):
        user = sql.new_user(credits=30)
        sql.grant(user, 11, lasts=3600)
        sql.grant(user, 7, source="promotion")
        if in_batch:
            ids = [item["generation_id"] for item in batch(sql, user, 12)["items"]["data"]]
        else:
            ids = [sql.generate(user)["id"] for _ in range(12)]
        held = sql.balance(user)
        for n, generation_id in enumerate(ids[:9]):
            run(sql, {"generation_id": generation_id}, fails=n in (1, 2, 6))
        for generation_id in ids[9:]:
            sql.as_user(user, "cancel_generation", p_generation_id=generation_id)
        books.append(
            (held, sql.balance(user), *(sql.connection.execute(BOOKS[what], [user]).fetchall() for what in BOOKS))
        )
    assert books[0] == books[1]
    assert books[0][:2] == ((48, 48, 0), (24, 0, 24))
    assert len(books[0][2]) == 3 + 6
    assert sound(sql)


def test_canceling_500_is_one_update_of_the_wallet(sql: Sql) -> None:
    """And each lot gets its credits back once."""
    alice = sql.new_user(credits=1500)
    sql.grant(alice, 600, lasts=3600)
    made = batch(sql, alice, 500)
    changes = watch(sql)
    sql.as_user(alice, "cancel_batch", p_batch_id=made["id"])
    counted = changes()
    assert (counted["wallets update"], counted["credit_grants update"][1]) == ((1, 1), 2)
    assert counted["credit_reservations update"] == (1, 500)
    assert counted["generations update"][1] == 500
    assert sql.balance(alice) == (2100, 0, 2100)
    assert sound(sql)


def test_each_item_holds_its_own_part_of_the_lots(sql: Sql, alice: uuid.UUID) -> None:
    """The earliest lot first, across the border of two lots inside one item; each is settled by itself."""
    soon = sql.grant(alice, 7, lasts=60)["lots"][0]["grant_id"]
    made = batch(sql, alice, 3)
    query = (
        "select r.lots from credit_reservations r join generations g on g.reservation_id = r.id"
        " where g.batch_id = %s order by g.batch_index"
    )
    lots = [[lot["amount"] for lot in row[0]] for row in sql.connection.execute(query, [made["id"]]).fetchall()]
    assert lots == [[4], [3, 1], [4]]
    assert sql.one("select remaining from credit_grants where id = %s", soon) == 0
    run(sql, made["items"]["data"][1])
    assert sql.balance(alice) == (29, 8, 21)
    assert sound(sql)


def test_all_or_nothing(sql: Sql, alice: uuid.UUID) -> None:
    """The refusal tells what it takes, and nothing is left behind."""
    with refused(402, "insufficient_credits") as told:
        batch(sql, alice, 7)
    assert (told["required"], told["available"]) == (28, 26)
    assert sql.one("select count(*) from batches") == sql.one("select count(*) from generations") == 0
    assert sql.balance(alice) == (26, 0, 26)


def test_a_partial_batch_starts_what_the_wallet_affords(sql: Sql, alice: uuid.UUID) -> None:
    """The leading six; each of the others is told. Not even one: refused."""
    made = batch(sql, alice, 9, partial=True)
    assert made["counts"] == {"queued": 6, "running": 0, "succeeded": 0, "failed": 0, "canceled": 0, "refused": 3}
    assert made["refused"] == [{"index": n, "code": "insufficient_credits"} for n in (6, 7, 8)]
    assert [item["index"] for item in made["items"]["data"]] == list(range(6))
    assert sql.balance(alice) == (26, 24, 2)
    with refused(402, "insufficient_credits") as told:
        batch(sql, alice, 3, partial=True)
    assert (told["required"], told["available"]) == (4, 2)
    assert sound(sql)


@pytest.mark.parametrize(
    ("wrong", "status", "code", "field"),
    [
        ({"prompt": " "}, 422, "invalid_params", "items.2.prompt"),
        ({"prompt": None}, 422, "invalid_params", "items.2.prompt"),
        ({"model": "no/such"}, 404, "model_not_found", "items.2.model"),
        ({"params": {"num_images": 9}}, 422, "invalid_params", "items.2.params.num_images"),
        ({"params": [1]}, 422, "invalid_params", "items.2.params"),
        ({"params": {"seed": "x" * 16384}}, 422, "invalid_params", "items.2.params"),
    ],
)
def test_a_wrong_item_is_named(sql: Sql, alice: uuid.UUID, wrong: Json, status: int, code: str, field: str) -> None:
    """Which item and which field of it; partial or not, nothing is started."""
    wished = items(4)
    wished[2] |= wrong
    with refused(status, code) as told:
        sql.as_user(alice, "create_batch", p_items=wished, p_idempotency_key="k", p_partial=True)
    assert (told["field"], told["index"]) == (field, 2)
    assert sql.balance(alice) == (26, 0, 26)


@pytest.mark.parametrize("wrong", [[], {"model": "local/picture"}, "x", [7], items(501)])
def test_what_is_no_list_of_items_is_refused(sql: Sql, alice: uuid.UUID, wrong: Json) -> None:
    """1 to 500 objects."""
    with refused(422, "invalid_params") as told:
        sql.as_user(alice, "create_batch", p_items=Jsonb(wrong), p_idempotency_key="k")
    assert told["field"] in ("items", "items.0")


def test_one_key_makes_one_batch(sql: Sql, alice: uuid.UUID) -> None:
    """A repeat answers the batch as it is now; another request under the key is refused."""
    made = batch(sql, alice, 3, key="k")
    run(sql, made["items"]["data"][0])
    again = batch(sql, alice, 3, key="k")
    assert (again["id"], again["counts"]["succeeded"]) == (made["id"], 1)
    for other in ({"count": 2}, {"count": 3, "partial": True}):
        with refused(409, "idempotency_key_reused"):
            batch(sql, alice, key="k", **other)
    assert sql.balance(alice) == (22, 8, 14)


def test_another_users_batch_is_not_found(sql: Sql, alice: uuid.UUID) -> None:
    """Regression: A2. Not to be seen, listed, canceled, retried or packed."""
    made, bob = batch(sql, alice, 2), sql.new_user()
    calls: dict[str, Json] = {
        "get_batch": {}, "cancel_batch": {}, "retry_batch": {"p_idempotency_key": "k"}, "request_batch_archive": {},
    }  # fmt: skip
    for name, more in calls.items():
        with refused(404, "batch_not_found"):
            sql.as_user(bob, name, p_batch_id=made["id"], **more)
    with refused(404, "batch_not_found"):
        sql.as_user(bob, "list_batches", p_before=made["id"])
    assert sql.as_user(bob, "list_batches") == {"data": [], "has_more": False}


def test_batches_and_items_come_in_pages(sql: Sql, alice: uuid.UUID) -> None:
    """Newest batch first, items by index."""
    made = [batch(sql, alice, count) for count in (1, 4, 1)]
    page = sql.as_user(alice, "list_batches", p_limit=2)
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([made[2]["id"], made[1]["id"]], True)
    rest = sql.as_user(alice, "list_batches", p_limit=2, p_before=made[1]["id"])
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == ([made[0]["id"]], False)
    first = sql.as_user(alice, "get_batch", p_batch_id=made[1]["id"], p_limit=3)["items"]
    then = sql.as_user(alice, "get_batch", p_batch_id=made[1]["id"], p_limit=3, p_after=2)["items"]
    assert [[item["index"] for item in one["data"]] for one in (first, then)] == [[0, 1, 2], [3]]
    assert (first["has_more"], then["has_more"]) == (True, False)


def test_the_rest_is_canceled_and_what_runs_is_asked_to_stop(sql: Sql, alice: uuid.UUID) -> None:
    """What was done stays done and paid; the same again changes nothing."""
    made = batch(sql, alice, 6)
    data = made["items"]["data"]
    run(sql, data[0])
    running = sql.claim({"id": data[1]["generation_id"]})
    for _ in range(2):
        now = sql.as_user(alice, "cancel_batch", p_batch_id=made["id"])
        assert now["counts"] | {"refused": 0} == {
            "queued": 0, "running": 1, "succeeded": 1, "failed": 0, "canceled": 4, "refused": 0,
        }  # fmt: skip
        assert sql.balance(alice) == (22, 4, 18)
        assert sound(sql)
    beat = sql.as_service("heartbeat_generation", p_generation_id=running["id"], p_attempt=1)
    assert beat["stop"]
    failure = {"p_error_code": "canceled", "p_error_message": "", "p_retryable": False}
    sql.as_service("fail_generation", p_generation_id=running["id"], p_attempt=1, **failure)
    now = seen(sql, alice, made)
    assert (now["status"], now["counts"]["canceled"]) == ("finished", 5)
    assert sql.balance(alice) == (22, 0, 22)


def test_a_cancel_frees_slots_for_others(sql: Sql, alice: uuid.UUID) -> None:
    """What waited behind the batch is due at once."""
    made = batch(sql, alice, 5)
    single = sql.generate(alice)
    assert single["waiting"]
    sql.as_user(alice, "cancel_batch", p_batch_id=made["id"])
    assert [row["id"] for row in sql.as_service("list_dispatchable")] == [single["id"]]


def test_a_cancel_pays_a_debt_before_it_fills_lots(sql: Sql, alice: uuid.UUID) -> None:
    """As the release of a single hold does."""
    hold = sql.reserve(alice, 2, late_settle="debt")
    made = batch(sql, alice, 6)
    sql.as_service("confirm_reservation", p_reservation_id=hold["id"], p_amount=30)
    assert sql.balance(alice) == (-4, 24, -28)
    sql.as_user(alice, "cancel_batch", p_batch_id=made["id"])
    assert sql.balance(alice) == (-4, 0, -4)
    assert sound(sql)


def test_the_failed_ones_are_tried_again(sql: Sql, alice: uuid.UUID) -> None:
    """With new holds, at the same place; counts show the last try. A repeat of the key, however late, tries nothing."""
    made = batch(sql, alice, 6)
    run_all(sql, alice, made, failing=(1, 4))
    assert seen(sql, alice, made)["counts"] | {"succeeded": 4, "failed": 2} == seen(sql, alice, made)["counts"]
    assert sql.balance(alice) == (10, 0, 10)
    before = {item["index"]: item["generation_id"] for item in seen(sql, alice, made)["items"]["data"]}
    now = sql.as_user(alice, "retry_batch", p_batch_id=made["id"], p_idempotency_key="again")
    assert (now["counts"]["queued"], now["counts"]["failed"], now["retries"]) == (2, 0, 1)
    after = {item["index"]: item["generation_id"] for item in now["items"]["data"]}
    assert [index for index in before if before[index] != after[index]] == [1, 4]
    assert sql.balance(alice) == (10, 8, 2)
    run_all(sql, alice, made, failing=(4,))
    late = sql.as_user(alice, "retry_batch", p_batch_id=made["id"], p_idempotency_key="again")
    assert (late["counts"]["succeeded"], late["counts"]["failed"], late["retries"]) == (5, 1, 1)
    assert late["credits"] == {"reserved": 24, "charged": 20}
    assert sql.balance(alice) == (6, 0, 6)
    assert sound(sql)


def test_a_retry_that_is_not_afforded_can_be_sent_again(sql: Sql, alice: uuid.UUID) -> None:
    """Its key is not used up by the refusal."""
    made = batch(sql, alice, 6)
    run_all(sql, alice, made, failing=(2,))
    hold = sql.reserve(alice, 5)
    retry = {"p_batch_id": made["id"], "p_idempotency_key": "again"}
    with refused(402, "insufficient_credits"):
        sql.as_user(alice, "retry_batch", **retry)
    sql.as_service("release_reservation", p_reservation_id=hold["id"])
    assert sql.as_user(alice, "retry_batch", **retry)["counts"]["queued"] == 1


def test_a_retry_names_the_item_that_can_no_longer_be_made(sql: Sql, alice: uuid.UUID) -> None:
    """By its place in the batch."""
    made = batch(sql, alice, 4)
    run_all(sql, alice, made, failing=(1, 3))
    sql.connection.execute("update models set max_prompt_chars = 1")
    with refused(422, "invalid_params") as told:
        sql.as_user(alice, "retry_batch", p_batch_id=made["id"], p_idempotency_key="again")
    assert told["field"] == "items.1.prompt"


def test_single_pictures_go_ahead_of_their_owners_batch(sql: Sql, alice: uuid.UUID) -> None:
    """And items go by index, to the queue that workers serve last."""
    made = batch(sql, alice, 5)
    single = sql.generate(alice)
    (first,) = run(sql, made["items"]["data"][0])["next"]
    (second,) = run(sql, made["items"]["data"][1])["next"]
    assert (first["id"], first["queue"]) == (single["id"], "default")
    assert (second["id"], second["queue"]) == (made["items"]["data"][4]["generation_id"], "low")


def test_a_batch_takes_the_slots_that_nobody_waits_for(sql: Sql, alice: uuid.UUID) -> None:
    """Who waited before it goes first, even where a slot stayed free."""

    def ready(made: Json) -> list[int]:
        return [item["index"] for item in seen(sql, alice, made)["items"]["data"] if not item["waiting"]]

    sql.generate(alice)
    sql.generate(alice)
    first = batch(sql, alice, 3)
    assert ready(first) == [0, 1]
    sql.connection.execute("update private.settings set user_concurrency = 5")
    second = batch(sql, alice, 1)
    assert (ready(first), ready(second)) == ([0, 1, 2], [])


def test_a_file_of_somebody_else_is_refused(sql: Sql, alice: uuid.UUID) -> None:
    """Regression: a path is a capability. Only the user's own folder, and nothing that could lead out of it."""
    sql.connection.execute(
        """update models set params_schema = jsonb_set(params_schema, '{properties,image}',
             '{"type": "string", "format": "storage-path"}') where id = 'local/picture'"""
    )
    own = f"batch-originals/{alice}"
    for good in (f"{own}/cat.png", f"images/{alice}/a/b c.png"):
        sql.generate(alice, image=good)
    for bad in (
        f"batch-originals/{uuid.uuid4()}/cat.png", f"avatars/{alice}/cat.png", own, f"{own}/", f"{own}//cat.png",
        f"{own}/../x/cat.png", f"{own}/..", f"{own}/%2e%2e/x.png", f"{own}/x?y", f"{own}/x#y", f"{own}/a\\b",
        f"{own}/a\nb", f"https://x.test/{own}/cat.png", 7, None, [f"{own}/cat.png"],
    ):  # fmt: skip
        with refused(422, "invalid_params") as told:
            sql.generate(alice, image=bad)
        assert told["field"] == "params.image"
    wished = [{"model": "local/picture", "prompt": "x", "params": {"image": f"images/{uuid.uuid4()}/cat.png"}}]
    with refused(422, "invalid_params") as told:
        sql.as_user(alice, "create_batch", p_items=wished, p_idempotency_key="k")
    assert told["field"] == "items.0.params.image"


def test_a_batch_calls_no_function_for_each_item(connect: Connect, database: str) -> None:
    """A hundred items of two kinds call what four items call: what they agree in is checked and priced once."""
    calls = []
    for count in (2, 50):
        alice = connect().new_user(credits=1000)
        with psycopg.connect(database.replace("//postgres:", f"//{SUPERUSER}:")) as connection:
            connection.execute("set track_functions = 'all'")
            wished = [items(1, num_images=kind, seed=seed)[0] for kind in (1, 2) for seed in range(count)]
            Sql(connection).as_user(alice, "create_batch", p_items=wished, p_idempotency_key=str(count))
            query = "select funcname, calls from pg_stat_xact_user_functions"
            calls.append(dict(connection.execute(query).fetchall()))
    assert calls[0] == calls[1]
    assert (calls[0]["price_generation"], calls[0]["hold_items"]) == (2, 1)


def test_the_first_wrong_item_is_refused_as_if_it_were_alone(sql: Sql) -> None:
    """Whatever else is in the batch. Right ones cost in a batch what they cost alone, in any order."""
    alice, dice, wrong = sql.new_user(credits=100_000), random.Random(7), 0
    for _ in range(60):
        wished = [dice.choice(KINDS if dice.random() < 0.2 else KINDS[:7]) for _ in range(dice.randint(2, 9))]
        alone = [tried(sql, alice, [item]) for item in wished]
        told = tried(sql, alice, wished)
        first = next((n for n, one in enumerate(alone) if isinstance(one, str)), None)
        if first is None:
            assert told == [credits for one in alone for credits in one]
        else:
            wrong += 1
            assert told == alone[first].replace("items.0", f"items.{first}").replace('"index": 0', f'"index": {first}')
    assert 20 < wrong < 50, "both were tried"


def tried(sql: Sql, user: uuid.UUID, wished: list[Json]) -> list[int] | str:
    """The credits of each item, or the whole refusal; nothing stays."""
    with sql.connection.transaction(force_rollback=True):
        try:
            made = sql.as_user(user, "create_batch", p_items=Jsonb(wished), p_idempotency_key=uuid.uuid4().hex)
        except psycopg.Error as error:
            diagnostic = error.diag
            return (
                f"{error.sqlstate} {diagnostic.message_primary} {diagnostic.message_detail} {diagnostic.message_hint}"
            )
        query = "select credits_reserved from generations where batch_id = %s order by batch_index"
        return [row[0] for row in sql.connection.execute(query, [made["id"]]).fetchall()]
