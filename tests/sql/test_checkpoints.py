"""Signed checkpoints: made once a day where something moved, kept for ever, at odds with a rewritten history."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg
import pytest

from tests.factories import Sql
from tests.sql.conftest import refused
from tests.sql.receipts import DAY, KEY, public, rewrite, sign, tamper
from tests.sql.test_ledger import history


def days(sql: Sql, wallet: uuid.UUID) -> int:
    """How many checkpoints a wallet has."""
    return int(sql.one("select count(*) from private.ledger_checkpoints where wallet_id = %s", wallet))


@pytest.fixture
def alice(sql: Sql) -> uuid.UUID:
    """She has a ledger, and the head of it is signed."""
    user = history(sql)
    sign(sql)
    return user


def test_a_head_is_signed_once_a_day_and_only_when_it_moved(sql: Sql, alice: uuid.UUID) -> None:
    """Whoever does not move costs nothing."""
    wallet = sql.wallet(alice)
    assert (days(sql, wallet), sign(sql)) == (1, 0)
    sql.grant(alice, 1)
    assert sign(sql) == 0
    sql.move_time(DAY)
    assert (sign(sql), days(sql, wallet)) == (1, 2)
    sql.move_time(DAY)
    assert sign(sql) == 0


def test_a_wallet_without_a_ledger_has_nothing_to_sign(sql: Sql) -> None:
    """Nor does a head that the ledger does not have."""
    sql.new_user()
    alice = history(sql)
    tamper(sql, "delete from credit_transactions where id = (select max(id) from credit_transactions)")
    sign(sql)
    assert days(sql, sql.wallet(alice)) == 0


def test_a_pass_goes_in_steps_of_bounded_cost(sql: Sql) -> None:
    """Each step looks at so many wallets, in order, and says where the next one starts."""
    wallets = {str(sql.wallet(sql.new_user(credits=1))) for _ in range(5)}
    seen: list[str] = []
    found: dict[str, Any] = {"next": None}
    for _ in range(100):
        found = sql.as_service("list_unsigned_heads", p_after=found["next"], p_limit=2)
        assert len(found["heads"]) <= 2
        seen += [head["wallet_id"] for head in found["heads"]]
        if not found["next"]:
            break
    assert wallets <= set(seen)
    assert seen == sorted(set(seen))


def test_a_checkpoint_is_kept_as_it_was_first(sql: Sql, alice: uuid.UUID) -> None:
    """Storing again, with whatever signature, changes nothing."""
    query = "select row_to_json(c)::text from private.ledger_checkpoints c where wallet_id = %s"
    before = sql.one(query, sql.wallet(alice))
    head = {
        "wallet_id": str(sql.wallet(alice)),
        "transaction_id": sql.one("select max(id) from credit_transactions"),
        "ledger_head": sql.one("select encode(ledger_head, 'hex') from wallets where user_id = %s", alice),
        "balance": sql.balance(alice)[0],
        "signature": "00" * 64,
    }
    day = sql.one("select max(day) from private.ledger_checkpoints")
    stored = {"p_public_key": public(), "p_day": day}
    assert sql.as_service("store_checkpoints", p_checkpoints=[head], **stored) == {"stored": 0}
    assert sql.one(query, sql.wallet(alice)) == before


@pytest.mark.parametrize("lie", [{"balance": 1}, {"ledger_head": "ab" * 32}, {"transaction_id": 1}])
def test_only_what_the_ledger_holds_is_kept(sql: Sql, lie: dict[str, Any]) -> None:
    """A head that is not there can't be testified about."""
    history(sql)
    found = sql.as_service("list_unsigned_heads")
    lies = [{**head, "signature": "00" * 64, **lie} for head in found["heads"]]
    done = sql.as_service("store_checkpoints", p_public_key=public(), p_day=found["day"], p_checkpoints=lies)
    assert done == {"stored": 0}


@pytest.mark.parametrize(
    "changed",
    [
        {"p_public_key": "ab"},
        {"p_public_key": None},
        {"p_day": "2020-01-01"},
        {"p_day": "2099-01-01"},
        {"p_checkpoints": {}},
        {"p_checkpoints": [{"signature": "zz", "ledger_head": "00" * 32}]},
        {"p_checkpoints": [{"signature": "00" * 64}]},
    ],
)
def test_malformed_checkpoints_are_refused(sql: Sql, changed: dict[str, Any]) -> None:
    """422, and nothing is kept."""
    day = sql.as_service("list_unsigned_heads")["day"]
    with refused(422, "invalid_params"):
        sql.as_service("store_checkpoints", **{"p_public_key": public(), "p_day": day, "p_checkpoints": [], **changed})


@pytest.mark.parametrize("table", ["private.ledger_checkpoints", "public.ledger_keys"])
@pytest.mark.parametrize("statement", ["update {} set key_id = key_id", "delete from {}", "truncate {} cascade"])
@pytest.mark.parametrize("role", ["postgres", "service_role", "authenticated"])
@pytest.mark.usefixtures("alice")
def test_nobody_changes_checkpoints(sql: Sql, role: str, table: str, statement: str) -> None:
    """Regression: C5, append-only for every role, the owner included."""
    with pytest.raises(psycopg.Error) as caught, sql.connection.transaction():
        sql.connection.execute("select set_config('role', %s, true)", [role])
        sql.connection.execute(statement.format(table))  # type: ignore[arg-type]  # constants only
    assert caught.value.sqlstate == ("PT403" if role == "postgres" else "42501")


@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_nobody_reads_or_writes_checkpoints_past_the_functions(sql: Sql, role: str) -> None:
    """Not even with the secret key."""
    for right in ("select", "insert"):
        assert not sql.one("select has_table_privilege(%s, 'private.ledger_checkpoints', %s)", role, right)
    assert not sql.one("select has_table_privilege(%s, 'public.ledger_keys', 'insert')", role)


def test_the_keys_are_public(sql: Sql, alice: uuid.UUID) -> None:
    """Everyone can learn them, and old ones stay."""
    (key,) = sql.as_anon("list_ledger_keys")
    assert key["public_key"] == KEY.public_key().public_bytes_raw().hex()
    assert len(key["key_id"]) == 16
    assert key["created_at"].endswith("Z")


def test_a_rewritten_history_differs_from_its_checkpoint(sql: Sql, alice: uuid.UUID) -> None:
    """All hashes and figures recomputed: only the checkpoint knows better."""
    assert sql.problems() == []
    rewrite(sql, sql.wallet(alice))
    found = sql.problems()
    assert [row["problem"] for row in found] == ["checkpoint_differs"]
    assert found == sql.problems(sql.wallet(alice))
    sql.grant(alice, 1)
    sql.move_time(DAY)
    sign(sql)
    assert sql.problems() == found, "a later checkpoint does not heal it"


def test_an_erased_wallet_differs_from_its_checkpoint(sql: Sql, alice: uuid.UUID) -> None:
    """The testimony outlasts what it testifies about."""
    wallet = sql.wallet(alice)
    tamper(sql, "delete from credit_transactions where wallet_id = %s", wallet)
    assert "checkpoint_differs" in {row["problem"] for row in sql.problems()}
