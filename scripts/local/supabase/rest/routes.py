"""The REST API's paths: tables at their name, functions under /rpc."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from flask import Blueprint, Response, g, request
from werkzeug.datastructures import MultiDict

from scripts.local.supabase.database import Pool
from scripts.local.supabase.rest import answers, read, rpc, write
from scripts.local.supabase.rest.catalog import Catalog, Function, Snapshot, Table
from scripts.local.supabase.rest.errors import RestError, invalid_token, not_local, unavailable
from scripts.local.supabase.rest.fragments import Fragment
from scripts.local.supabase.rest.grammar import is_operation
from scripts.local.supabase.rest.request import (
    choose_schema,
    parse_accept,
    parse_preferences,
    parse_query,
)
from scripts.local.supabase.rest.transaction import Context, Outcome, Row, run
from scripts.local.supabase.tokens import TokenError, Tokens, TokenTimeError

ANONYMOUS_ROLE = "anon"
LEEWAY = 30
METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"]
Found = TypeVar("Found", Function, Table)


def rest_blueprint(pool: Pool, catalog: Catalog, tokens: Tokens) -> Blueprint:
    """Return the service that answers under /rest/v1."""
    blueprint = Blueprint("rest", __name__, url_prefix="/rest/v1")
    blueprint.register_error_handler(RestError, RestError.response)

    @blueprint.get("/")
    def root() -> Response:
        raise not_local("The OpenAPI description of the REST API is")

    @blueprint.route("/<name>", methods=METHODS)
    def table(name: str) -> Response:
        return _Request(pool, catalog, tokens).table(name)

    @blueprint.route("/rpc/<name>", methods=METHODS)
    def function(name: str) -> Response:
        return _Request(pool, catalog, tokens).function(name)

    @blueprint.route("/<path:path>", methods=METHODS)
    def unknown(path: str) -> Response:
        raise RestError(404, "PGRST125", "Invalid path specified in request URL")

    return blueprint


class _Request:
    """One request on its way through: who asks, for what, in which form."""

    def __init__(self, pool: Pool, catalog: Catalog, tokens: Tokens) -> None:
        self._pool = pool
        self._catalog = catalog
        self._claims = _claims(tokens)
        self._snapshot = _from_database(catalog.current)
        self._schema = choose_schema(request, self._snapshot.schemas)
        self._accept = parse_accept(request.headers.get("Accept"))
        self._prefer = parse_preferences(request.headers.getlist("Prefer"))

    def table(self, name: str) -> Response:
        table = self._find(lambda snapshot: read.find_table(snapshot, self._schema, name))
        changes = {"POST": self._insert, "PATCH": self._update, "DELETE": self._delete}
        if request.method in ("GET", "HEAD"):
            return self._read(table)
        if request.method not in changes:
            raise not_local("PUT on a table is")
        return changes[request.method](table)

    def function(self, name: str) -> Response:
        if request.method not in ("GET", "HEAD", "POST"):
            raise RestError(405, "PGRST101", f"Cannot use the {request.method} method on RPC")
        arguments, others = self._arguments()
        function = self._find(lambda snapshot: rpc.find_function(snapshot, self._schema, name, arguments))
        query = parse_query(others, request.headers.get("Range") if request.method == "GET" else None)
        count = self._prefer.count is not None
        statement = rpc.call(self._snapshot, function, arguments, query, self._accept, count=count)
        outcome = self._run(
            statement,
            read_only=request.method != "POST" or function.volatility != "v",
            settings=rpc.hoisted_settings(function),
            single=self._accept.single and function.returns_set,
        )
        return answers.function(outcome, function, query, self._accept, self._prefer)

    def _arguments(self) -> tuple[rpc.Arguments, MultiDict[str, str]]:
        """Return the arguments of a call, and the rest of the query string."""
        if request.method == "POST":
            if request.mimetype not in ("application/json", ""):
                raise RestError(400, "PGRST102", f"Content-Type not acceptable: {request.mimetype}")
            return rpc.arguments_of_body(request.get_data()), request.args
        passed, others = answers.split_arguments(request.args, is_operation)
        return rpc.Arguments(tuple(passed), values=tuple(passed.items())), others

    def _read(self, table: Table) -> Response:
        query = parse_query(request.args, request.headers.get("Range"))
        count = self._prefer.count is not None
        statement = read.select_table(self._snapshot, table, query, self._accept, count=count)
        outcome = self._run(statement, read_only=True, single=self._accept.single)
        return answers.rows(outcome, query, self._accept, self._prefer)

    def _insert(self, table: Table) -> Response:
        query = parse_query(request.args, None)
        statement = write.insert(self._snapshot, table, query, request.get_data(), self._accept, self._prefer)
        outcome = self._run(statement, read_only=False, single=self._is_single_change())
        return answers.insert(outcome, self._accept, self._prefer)

    def _update(self, table: Table) -> Response:
        query = parse_query(request.args, None)
        statement = write.update(self._snapshot, table, query, request.get_data(), self._accept, self._prefer)
        nothing = Outcome(Row(0, 0 if self._prefer.count else None, None, "[]"), [], None)
        outcome = self._run(statement, read_only=False, single=self._is_single_change()) if statement else nothing
        return answers.change(outcome, self._accept, self._prefer)

    def _delete(self, table: Table) -> Response:
        query = parse_query(request.args, None)
        statement = write.delete(self._snapshot, table, query, self._accept, self._prefer)
        outcome = self._run(statement, read_only=False, single=self._is_single_change())
        return answers.change(outcome, self._accept, self._prefer)

    def _is_single_change(self) -> bool:
        return self._accept.single and self._prefer.returns == "representation"

    def _find(self, find: Callable[[Snapshot], Found]) -> Found:
        """Look a name up; when it is missing, look once more in a fresh snapshot."""
        try:
            return find(self._snapshot)
        except RestError as error:
            if error.code not in ("PGRST202", "PGRST205"):
                raise
        self._snapshot = _from_database(self._catalog.reload)
        return find(self._snapshot)

    def _run(
        self, statement: Fragment, *, read_only: bool, single: bool, settings: dict[str, str] | None = None
    ) -> Outcome:
        check = answers.require_single if single else answers.accept_any
        context = _context(self._claims, self._schema)
        return run(
            self._pool,
            self._snapshot,
            context,
            statement,
            read_only=read_only,
            settings=settings or {},
            check=check,
        )


def _from_database(load: Callable[[], Snapshot]) -> Snapshot:
    try:
        return load()
    except psycopg.Error:
        raise unavailable("PGRST002") from None


def _claims(tokens: Tokens) -> dict[str, Any]:
    if not g.token:
        return {"role": ANONYMOUS_ROLE}
    try:
        return tokens.verify(g.token, leeway=LEEWAY)
    except TokenTimeError as error:
        raise invalid_token(str(error), "PGRST303") from None
    except TokenError as error:
        raise invalid_token(str(error)) from None


def _context(claims: dict[str, Any], schema: str) -> Context:
    role = claims.get("role") or ANONYMOUS_ROLE
    return Context(
        role=str(role),
        is_anonymous=role == ANONYMOUS_ROLE,
        claims={**claims, "role": role},
        method=request.method,
        path=request.path.removeprefix("/rest/v1"),
        headers={name.lower(): value for name, value in request.headers.items()},
        cookies=dict(request.cookies),
        schema=schema,
    )
