"""Makes receipts and checkpoints out of a database under test, as the web process and the scheduler do."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.core.checkpoints import text
from backend.web.receipts import render
from tests.factories import Sql

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
DAY = 86_400
Format = Literal["csv", "jsonl"]

# All of a row but its id and free text: written into another row, it looks as if the two had changed places.
FACTS = """kind, amount, balance_after, absorbed, contra, reservation_id, reverses_id, lots, actor, prev_hash, hash,
    created_at"""


def public(key: Ed25519PrivateKey = KEY) -> str:
    """The public half, as hex."""
    return key.public_key().public_bytes_raw().hex()


def sign(sql: Sql, key: Ed25519PrivateKey = KEY) -> int:
    """What the scheduler does once a day; returns how many were signed."""
    found = sql.as_service("list_unsigned_heads", p_limit=10_000)
    signed = [{**head, "signature": key.sign(text(found["day"], head)).hex()} for head in found["heads"]]
    done = sql.as_service("store_checkpoints", p_public_key=public(key), p_day=found["day"], p_checkpoints=signed)
    return int(done["stored"])


def pages(sql: Sql, user: uuid.UUID, limit: int = 2) -> Iterator[dict[str, Any]]:
    """The pages of an export; small ones, so that borders are crossed."""
    page: dict[str, Any] = {"has_more": True, "data": [{"id": None}]}
    while page["has_more"]:
        page = sql.as_user(user, "export_credit_transactions", p_after=page["data"][-1]["id"], p_limit=limit)
        yield page


def export(sql: Sql, user: uuid.UUID, format: Format, folder: Path) -> Path:
    """A receipt in a file."""
    path = folder / f"receipt.{format}"
    path.write_bytes("".join(render(pages(sql, user), format)).encode())
    return path


def tamper(sql: Sql, statement: str, *parameters: Any) -> None:
    """Change the ledger as only a superuser who switches triggers off could; the test connection owns the table."""
    sql.connection.execute("alter table credit_transactions disable trigger ledger_is_append_only")
    sql.connection.execute(statement, parameters)  # type: ignore[arg-type]  # tests write their SQL by hand
    sql.connection.execute("alter table credit_transactions enable trigger ledger_is_append_only")


def swap(sql: Sql, one: int, other: int) -> None:
    """Let two rows change places."""
    tamper(
        sql,
        f"update credit_transactions t set ({FACTS}) = (select {FACTS} from credit_transactions o"
        " where o.id = case t.id when %s then %s else %s end) where t.id in (%s, %s)",
        *(one, other, one, one, other),
    )


def rewrite(sql: Sql, wallet: uuid.UUID) -> None:
    """Give one credit more in the first row, and put right all that follows: hashes, balances, wallet and lot."""
    rows = sql.connection.execute("select id from credit_transactions where wallet_id = %s order by id", [wallet])
    ids = [row[0] for row in rows.fetchall()]
    tamper(sql, "update credit_transactions set amount = amount + 1 where id = %s", ids[0])
    for number, previous in zip(ids, [None, *ids], strict=False):
        head = "coalesce((select p.hash from credit_transactions p where p.id = %s), '')"
        changed = f"balance_after = balance_after + 1, prev_hash = {head}"
        tamper(sql, f"update credit_transactions set {changed} where id = %s", previous, number)
        tamper(sql, "update credit_transactions t set hash = private.ledger_hash(t) where id = %s", number)
    newest = "(select hash from credit_transactions where id = %s)"
    sql.connection.execute(
        f"update wallets set balance = balance + 1, ledger_head = {newest} where id = %s",  # type: ignore[arg-type]
        [ids[-1], wallet],
    )
    sql.connection.execute(
        "update credit_grants set amount = amount + 1, remaining = remaining + 1 where id ="
        " (select id from credit_grants where wallet_id = %s and open order by created_at limit 1)",
        [wallet],
    )
