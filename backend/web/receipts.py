"""Receipts: the whole ledger of a user as a file that can be checked without us, and the keys that sign checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from backend.errors import RateLimited
from backend.rpc.client import Caller
from backend.rpc.receipts import export_credit_transactions, list_ledger_keys
from backend.web.context import deps
from backend.web.credit_schemas import LedgerKeyList
from backend.web.files import Format, cell, csv_lines
from backend.web.openapi import answers, blueprint

Json = dict[str, Any]

bp = blueprint("receipts", __name__, prefix="/api/v1/credits", tag="credits")

PAGE = 500  # rows: some 300 kB at a time, however long the ledger
COLUMNS = (
    *("record", "id", "created_at", "kind", "amount", "balance_after", "absorbed", "contra", "reservation_id"),
    *("reverses_id", "lots", "actor", "reason", "wallet_id", "prev_hash", "hash", "day", "key_id", "public_key"),
    *("signature", "rows"),
)


@bp.get("/checkpoint-keys", responses=answers(LedgerKeyList, RateLimited))
def checkpoint_keys() -> Json:
    """List the public keys that have signed checkpoints, newest first."""
    return {"data": list_ledger_keys(deps().rpc.as_anon())}


def receipt(caller: Caller, format: Format) -> Iterator[str]:
    """Yield the file in pieces. The first page is read at once, so that a refusal is an answer, not a broken file."""
    first = export_credit_transactions(caller, limit=PAGE)
    return render(_pages(caller, first), format)


def _pages(caller: Caller, page: Json) -> Iterator[Json]:
    yield page
    while page["has_more"]:
        page = export_credit_transactions(caller, after=page["data"][-1]["id"], limit=PAGE)
        yield page


def render(pages: Iterable[Json], format: Format) -> Iterator[str]:
    """Yield pages as text of one format; the column names first, the end record last."""
    line: Callable[[Json], str] = _csv_line if format == "csv" else _json_line
    if format == "csv":
        yield csv_lines([COLUMNS])
    rows, page = 0, {}
    for page in pages:
        rows += len(page["data"])
        yield "".join(map(line, _records(page)))
    yield line(_end(page, rows))


def _records(page: Json) -> list[Json]:
    """Return rows and checkpoints of a page, each checkpoint behind the row it is of."""
    rows = [(row["id"], "", {"record": "transaction", **row}) for row in page["data"]]
    signed = [(one["transaction_id"], one["day"], _checkpoint(one)) for one in page["checkpoints"]]
    return [record for *_, record in sorted(rows + signed, key=lambda item: item[:2])]


def _checkpoint(one: Json) -> Json:
    same = {name: one[name] for name in ("wallet_id", "day", "key_id", "public_key", "signature")}
    named = {"id": one["transaction_id"], "hash": one["ledger_head"], "balance_after": one["balance"]}
    return {"record": "checkpoint", **named, **same}


def _end(page: Json, rows: int) -> Json:
    head = {"wallet_id": page["wallet_id"], "balance_after": page["balance"], "hash": page["ledger_head"]}
    return {"record": "end", "rows": rows, **head, "created_at": page["exported_at"]}


def _json_line(record: Json) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def _csv_line(record: Json) -> str:
    # Who checks the receipt takes the quote off again that cell() puts before a formula.
    return csv_lines([[cell(record.get(name)) for name in COLUMNS]])
