"""What the hand-made list under fire is made of: shots, and a look at every table of the database."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from tests.worker.world import World

GENERATIONS = "/api/v1/generations"
QUOTE = f"{GENERATIONS}/quote"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Shot:
    """One request that nobody should send, and the status that it deserves."""

    name: str
    status: int
    method: str = "GET"
    path: str = "/api/v1/me"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | None = None


def body(name: str, content: bytes, status: int = 422, **headers: str) -> Shot:
    """Return a request to start a generation with this body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Shot(f"body: {name}", status, "POST", GENERATIONS, list((JSON | named).items()), content)


def prompt(name: str, content: bytes, status: int = 422) -> Shot:
    """Return a request whose prompt is this piece of JSON."""
    return body(f"prompt is {name}", b'{"model": "local/picture", "prompt": ' + content + b"}", status)


def width(name: str, content: bytes) -> Shot:
    """Return a request whose width is this piece of JSON."""
    return body(f"width is {name}", b'{"model":"local/picture","prompt":"x","params":{"width":' + content + b"}}")


def path(name: str, address: str, status: int = 404) -> Shot:
    """Return a request to this address."""
    return Shot(f"path: {name}", status, path=address)


def query(name: str, question: str, status: int = 422) -> Shot:
    """Return a list request with this query."""
    return Shot(f"query: {name}", status, path=f"{GENERATIONS}?{question}")


def header(name: str, *headers: tuple[str, str], status: int = 200) -> Shot:
    """Return a read with these headers."""
    return Shot(f"header: {name}", status, headers=list(headers))


def spend(name: str, *headers: tuple[str, str], status: int = 422) -> Shot:
    """Return an otherwise good request to start a generation."""
    content = b'{"model": "local/picture", "prompt": "a red fox"}'
    return Shot(f"spend: {name}", status, "POST", GENERATIONS, [*JSON.items(), *headers], content)


def rows(world: World) -> dict[str, int]:
    """Return how many rows each table of the database has."""
    database = psycopg.conninfo.conninfo_to_dict(world.database_url)["dbname"]
    with psycopg.connect(psycopg.conninfo.make_conninfo(world.superuser_url, dbname=database)) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        counts = sql.SQL(" union all ").join(
            sql.SQL("select {}, count(*) from {}").format(f"{schema}.{table}", sql.Identifier(schema, table))
            for schema, table in tables
        )
        return dict(connection.execute(counts).fetchall())
