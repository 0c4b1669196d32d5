"""Calls operations the way PostgREST does, and makes what tests start from through those same operations."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

Json = Any


@dataclass(frozen=True)
class Sql:
    """One connection as role postgres, and the roles it can speak as. Each call is a transaction or savepoint."""

    connection: psycopg.Connection[Any]

    def as_user(self, user_id: uuid.UUID, function: str, **arguments: Json) -> Json:
        """Call an operation with a user's token."""
        claims = {"sub": str(user_id), "role": "authenticated"}
        return self._call("authenticated", claims, function, arguments)[0]

    def as_service(self, function: str, **arguments: Json) -> Json:
        """Call an operation with the secret key."""
        return self._call("service_role", {"role": "service_role"}, function, arguments)[0]

    def as_anon(self, function: str, **arguments: Json) -> Json:
        """Call an operation with the publishable key alone."""
        return self._call("anon", {"role": "anon"}, function, arguments)[0]

    def problems(self, wallet_id: uuid.UUID | None = None) -> list[Json]:
        """What verify_ledger finds; empty when the books are sound."""
        return self._call("service_role", {"role": "service_role"}, "verify_ledger", {"p_wallet_id": wallet_id})

    def trial_balance(self) -> list[Json]:
        """The rows of trial_balance."""
        return self._call("service_role", {"role": "service_role"}, "trial_balance", {})

    def one(self, query: str, *parameters: Any) -> Any:
        """The single value of a query, as the owner of the tables."""
        row = self.connection.execute(query, parameters).fetchone()  # type: ignore[arg-type]  # tests write their SQL by hand
        return row[0] if row else None

    def new_user(self, *, credits: int = 0, source: str = "purchase") -> uuid.UUID:
        """Sign somebody up without sign-up credits, then give them what the test asks for."""
        user_id = uuid.uuid4()
        with self.connection.transaction():
            self.connection.execute("update private.settings set signup_credits = 0")
            self.connection.execute(
                "insert into auth.users (id, email) values (%s, %s)", [user_id, f"{user_id}@example.test"]
            )
            self.connection.execute("update private.settings set signup_credits = 25")
        if credits:
            self.grant(user_id, credits, source=source)
        return user_id

    def forget(self, user_id: uuid.UUID) -> None:
        """Remove by hand what sign-up made, ledger included; the user stays."""
        wallet = self.wallet(user_id)
        self.connection.execute("alter table public.credit_transactions disable trigger ledger_is_append_only")
        self.connection.execute("delete from public.credit_transactions where wallet_id = %s", [wallet])
        self.connection.execute("alter table public.credit_transactions enable trigger ledger_is_append_only")
        self.connection.execute("delete from public.credit_grants where wallet_id = %s", [wallet])
        self.connection.execute("delete from public.wallets where id = %s", [wallet])
        self.connection.execute("delete from public.profiles where user_id = %s", [user_id])

    def grant(self, user_id: uuid.UUID, amount: int, *, source: str = "purchase", lasts: float | None = None) -> Json:
        """Credits in; `lasts` is the life of the lot in seconds."""
        expires_at = lasts and self.one("select private.clock() + make_interval(secs => %s)", lasts)
        key = uuid.uuid4().hex
        arguments = {"p_amount": amount, "p_source": source, "p_idempotency_key": key, "p_expires_at": expires_at}
        return self.as_service("grant_credits", p_user_id=user_id, **arguments)

    def reserve(self, user_id: uuid.UUID, amount: int, *, lasts: int = 900, late_settle: str = "collect") -> Json:
        """A hold."""
        hold = self.as_user(
            user_id, "reserve_credits", p_amount=amount, p_idempotency_key=uuid.uuid4().hex, p_ttl_seconds=lasts
        )
        if late_settle != "collect":  # only models choose a policy; a bare hold collects
            self.connection.execute(
                "update public.credit_reservations set late_settle = %s where id = %s", [late_settle, hold["id"]]
            )
        return hold

    def generate(self, user_id: uuid.UUID, *, model: str = "local/picture", **params: Json) -> Json:
        """A queued generation; local/picture costs 4 credits."""
        key = uuid.uuid4().hex
        request = {"p_model_id": model, "p_prompt": "a red fox", "p_params": params, "p_idempotency_key": key}
        return self.as_user(user_id, "create_generation", **request)

    def claim(self, generation: Json, *, worker: str = "worker-1", lease: int = 60) -> Json:
        """A worker takes it."""
        return self.as_service(
            "claim_generation", p_generation_id=generation["id"], p_worker=worker, p_lease_seconds=lease
        )

    def balance(self, user_id: uuid.UUID) -> tuple[int, int, int]:
        """(balance, held, available) as the user reads them."""
        figures = self.as_user(user_id, "get_credit_balance")
        return figures["balance"], figures["held"], figures["available"]

    def wallet(self, user_id: uuid.UUID) -> uuid.UUID:
        """The id of a user's wallet."""
        return uuid.UUID(str(self.one("select id from public.wallets where user_id = %s", user_id)))

    def ledger(self, user_id: uuid.UUID) -> list[tuple[str, int]]:
        """(kind, amount) of every row, oldest first."""
        query = "select kind, amount from public.credit_transactions where wallet_id = %s order by id"
        return self.connection.execute(query, [self.wallet(user_id)]).fetchall()

    def move_time(self, seconds: float) -> None:
        """Let time pass for this database, instead of waiting for it."""
        ahead = self.one("select extract(epoch from private.clock() - clock_timestamp())")
        body = sql.SQL("select clock_timestamp() + make_interval(secs => {})").format(float(ahead) + seconds)
        self.connection.execute(
            sql.SQL(
                "create or replace function private.clock() returns timestamptz language sql set search_path = '' as {}"
            ).format(sql.Literal(body.as_string(self.connection)))
        )

    @staticmethod
    def statement(function: str, arguments: Json) -> tuple[sql.Composed, Json]:
        """A call by name, and its values."""
        named = sql.SQL(", ").join(
            sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in arguments
        )
        query = sql.SQL("select to_jsonb(x) from public.{}({}) x").format(sql.Identifier(function), named)
        return query, {name: _parameter(value) for name, value in arguments.items()}

    def _call(self, role: str, claims: Json, function: str, arguments: Json) -> list[Json]:
        with self.connection.transaction():
            self.connection.execute(
                "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
                [role, json.dumps(claims)],
            )
            rows = [row[0] for row in self.connection.execute(*self.statement(function, arguments)).fetchall()]
            status = self.one("select nullif(current_setting('response.status', true), '')")
            self.connection.execute(
                "select set_config('role', 'postgres', true), set_config('request.jwt.claims', '', true),"
                " set_config('response.status', '', true)"
            )
        if status:
            self._refuse(rows[0])
        return rows

    def _refuse(self, body: Json) -> None:
        """An operation that refuses as data, so that its audit row stays, is a refusal to whoever called it."""
        parts = {"errcode": "code", "message": "message", "detail": "details", "hint": "hint"}
        given = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.SQL(name), sql.Literal(body[key])) for name, key in parts.items() if body[key]
        )
        block = sql.SQL("begin raise exception using {}; end").format(given)
        with self.connection.transaction():
            self.connection.execute(sql.SQL("do {}").format(sql.Literal(block.as_string(self.connection))))


def _parameter(value: Json) -> Json:
    """JSON goes as jsonb; a float as text, whose type the function decides."""
    if isinstance(value, dict | list):
        return Jsonb(value)
    return str(value) if isinstance(value, float) else value
