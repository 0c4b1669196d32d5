"""Years of books, loaded by COPY: rows that operations would have written, chain and sums included."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from scripts.benchmarks.ground import Ground, Tell
from scripts.local.postgres import SUPERUSER

ROWS_PER_WALLET = 100  # the grant and 99 charges, whatever the size: more history is more people
PRICE, GRANT = 4, 1_000_000
DAYS = 300
CHUNK = 20_000
TOLD = 500_000
MODEL = "local/picture"

COPIES = {
    "credit_reservations": "copy public.credit_reservations (id, wallet_id, amount, confirmed_amount, status, lots, "
    "expires_at, reference, idempotency_key, request_digest, created_at, settled_at) from stdin",
    "generations": "copy public.generations (id, user_id, model_id, prompt, params, status, attempt, max_attempts, "
    "reservation_id, credits_reserved, credits_charged, progress, outputs, created_at, started_at, finished_at) "
    "from stdin",
    "credit_transactions": "copy public.credit_transactions (wallet_id, kind, amount, balance_after, contra, "
    "reservation_id, lots, actor, prev_hash, hash, created_at) from stdin",
    "usage_logs": "copy public.usage_logs (user_id, action, credits, reference, metadata, created_at) from stdin",
}
CLOCK = "create or replace function private.clock() returns timestamptz language sql set search_path = '' as "
WALLETS = """
select w.id::text, w.user_id::text, w.balance, encode(w.ledger_head, 'hex'), g.id::text
from public.wallets w join public.credit_grants g on g.wallet_id = w.id order by w.id
"""
# A superuser may tell the catalogue that an index is not kept, and reindex makes it anew: far sooner than row by row.
UNKEPT = "update pg_index set indisready = false where indrelid = any(%s::regclass[])"
FINISH = """
update public.wallets w set balance = t.balance_after, ledger_head = t.hash
from public.wallets x cross join lateral (
  select y.balance_after, y.hash from public.credit_transactions y where y.wallet_id = x.id order by y.id desc limit 1
) t
where x.id = w.id;
update public.credit_grants g set remaining = w.balance from public.wallets w where w.id = g.wallet_id;
update private.metric_cursor set ledger_id = (select max(id) from public.credit_transactions);
"""


@dataclass
class _Wallet:
    id: str
    user_id: str
    balance: int
    head: bytes
    lot: str


def load(ground: Ground, rows: int, tell: Tell) -> None:
    """Give a database without users so many ledger rows."""
    tell(f"loading {rows:,} rows")
    with psycopg.connect(ground.url(SUPERUSER), autocommit=True) as connection:
        wallets = _wallets(connection, max(1, rows // ROWS_PER_WALLET))
        connection.execute(UNKEPT, [[f"public.{name}" for name in COPIES]])
        with ExitStack() as stack:
            writers = {name: stack.enter_context(_Writer(ground, copy)) for name, copy in COPIES.items()}
            for number, chunk in enumerate(_chunks(wallets), start=1):
                for name, lines in chunk.items():
                    writers[name].write("".join(lines).encode())
                if number * CHUNK % TOLD < CHUNK:
                    tell(f"{number * CHUNK:,} of {rows:,} rows")
        connection.execute("set maintenance_work_mem = '512MB'")
        for table in COPIES:
            tell(f"indexes of {table}")
            connection.execute(f"reindex table public.{table}".encode())
        connection.execute(FINISH)


def _wallets(connection: psycopg.Connection[Any], count: int) -> list[_Wallet]:
    """Make users with a lot each, on the day the history begins."""
    connection.execute("update private.settings set signup_credits = 0, user_concurrency = 1000")
    connection.execute(f"{CLOCK} 'select clock_timestamp() - interval ''{DAYS + 1} days'''".encode())
    try:
        connection.execute(
            "insert into auth.users (id, email) "
            "select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.test' "
            "from generate_series(1, %s) n",
            [count],
        )
        grant = "select public.grant_credits(u.id, %s, 'purchase', 'bench', null, 'bench', null) from auth.users u"
        connection.execute(grant, [GRANT])
    finally:
        connection.execute(f"{CLOCK} 'select clock_timestamp()'".encode())
    found = connection.execute(WALLETS).fetchall()
    return [_Wallet(wallet, user, balance, bytes.fromhex(head), lot) for wallet, user, balance, head, lot in found]


def _chunks(wallets: list[_Wallet]) -> Iterator[dict[str, list[str]]]:
    """Lines for COPY in the order of time: everybody's first charge, everybody's second."""
    chunk: dict[str, list[str]] = {name: [] for name in COPIES}
    began = datetime.now(UTC) - timedelta(days=DAYS)
    step = timedelta(days=DAYS) / (ROWS_PER_WALLET * len(wallets))
    for number in range((ROWS_PER_WALLET - 1) * len(wallets)):
        _charge(chunk, wallets[number % len(wallets)], began + step * number)
        if len(chunk["usage_logs"]) >= CHUNK:
            yield chunk
            chunk = {name: [] for name in COPIES}
    yield chunk


def _charge(chunk: dict[str, list[str]], wallet: _Wallet, at: datetime) -> None:
    hold, generation = uuid.uuid4(), uuid.uuid4()
    time = f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"
    lots = f'[{{"amount": {PRICE}, "grant_id": "{wallet.lot}"}}]'
    wallet.balance -= PRICE
    row = (
        f'["{wallet.id}", "usage", {-PRICE}, {wallet.balance}, 0, "usage", "{hold}", null, {lots}, '
        f'"system:worker", "{time}"]'
    )
    head = hashlib.sha256(wallet.head + row.encode()).digest()
    reference = f"generation:{generation}"
    chunk["credit_reservations"].append(
        f"{hold}\t{wallet.id}\t{PRICE}\t{PRICE}\tconfirmed\t{lots}\t{time}\t{reference}\t{generation.hex}\t"
        f"\\\\x{head.hex()}\t{time}\t{time}\n"
    )
    path = f"generations/{wallet.user_id}/{generation}/1-0.png"
    outputs = f'[{{"path": "{path}", "kind": "image", "width": 512, "height": 512}}]'
    chunk["generations"].append(
        f'{generation}\t{wallet.user_id}\t{MODEL}\ta fox in the snow\t{{"num_images": 1}}\tsucceeded\t1\t3\t{hold}\t'
        f"{PRICE}\t{PRICE}\t1\t{outputs}\t{time}\t{time}\t{time}\n"
    )
    chunk["credit_transactions"].append(
        f"{wallet.id}\tusage\t{-PRICE}\t{wallet.balance}\tusage\t{hold}\t{lots}\tsystem:worker\t"
        f"\\\\x{wallet.head.hex()}\t\\\\x{head.hex()}\t{time}\n"
    )
    metadata = f'{{"model": "{MODEL}"}}'
    chunk["usage_logs"].append(f"{wallet.user_id}\tgeneration\t{PRICE}\t{reference}\t{metadata}\t{time}\n")
    wallet.head = head


class _Writer:
    """One COPY that goes on while the next lines are made. What refers to other tables was made to fit, unchecked."""

    def __init__(self, ground: Ground, copy: str) -> None:
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(psycopg.connect(ground.url(SUPERUSER)))
        self._connection.execute("set session_replication_role = replica")
        self._copy = self._stack.enter_context(self._connection.cursor().copy(copy.encode()))
        self._thread = self._stack.enter_context(ThreadPoolExecutor(1))
        self._last = self._thread.submit(int)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *why: Any) -> None:
        try:
            self._last.result()
        finally:
            self._stack.__exit__(*why)

    def write(self, data: bytes) -> None:
        """Hand on lines; waits for those before."""
        self._last.result()
        self._last = self._thread.submit(self._copy.write, data)
