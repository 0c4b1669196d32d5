"""Open the database that DATABASE_URL names, and say what is wrong with the address without ever showing a password."""

from __future__ import annotations

import re
from urllib.parse import unquote

import psycopg
from psycopg import conninfo

from scripts.migrations.errors import ConnectionFailed, MigrationError

Connection = psycopg.Connection[tuple[object, ...]]

_TRANSACTION_POOLER_PORT = "6543"
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1|/.*")
_SPECIAL_CHARACTERS = "Characters like @ : / # ? % in a password must be written as %40 %3A %2F %23 %3F %25."


def connect(database_url: str) -> Connection:
    """Connect in autocommit mode, so that each transaction is one that we begin ourselves."""
    address = parse(database_url)
    if address.get("port") == _TRANSACTION_POOLER_PORT and not is_local(database_url):
        raise ConnectionFailed(
            f"{describe(database_url)} is the transaction pooler: it cannot hold the lock that keeps two runs apart.",
            "Use port 5432 of the same host (the session pooler), or the direct connection.",
        )
    defaults = {"connect_timeout": "10", "application_name": "scrip migrate", "client_encoding": "UTF8"}
    try:
        return psycopg.connect(conninfo.make_conninfo("", **{**defaults, **address}), autocommit=True)
    except psycopg.Error as error:
        raise _explain(error, database_url) from None


def parse(database_url: str) -> dict[str, str]:
    """Return the parts of a connection string."""
    if not database_url:
        raise MigrationError(
            "No database was named.",
            "Set DATABASE_URL, or pass --database-url (which other users of the machine can see in the process list).",
        )
    try:
        parts = conninfo.conninfo_to_dict(database_url)
    except psycopg.Error:
        parts = {}
    if not parts or _looks_cut(database_url):
        mend = f"It should look like postgresql://user:password@host:5432/postgres. {_SPECIAL_CHARACTERS}"
        raise MigrationError("DATABASE_URL is not a PostgreSQL connection string.", mend)
    return {key: str(value) for key, value in parts.items() if value is not None}


def describe(database_url: str) -> str:
    """Return user, host, port and database in one word; never the password."""
    address = parse(database_url)
    host = address.get("host") or address.get("hostaddr") or "localhost"
    port, database = address.get("port", "5432"), address.get("dbname", "")
    return f"{address.get('user', '')}@{host}:{port}/{database or address.get('user', '')}"


def is_local(database_url: str) -> bool:
    """Tell whether the database is on this machine."""
    address = parse(database_url)
    host = address.get("hostaddr") or address.get("host") or "localhost"
    return all(_LOOPBACK.fullmatch(one) for one in host.split(","))


def scrub(text: str, database_url: str) -> str:
    """Take out of a text whatever could be (a piece of) the password."""
    for secret in sorted(_secrets(database_url), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _looks_cut(database_url: str) -> bool:
    """Tell whether a password with a raw @ or / in it was cut there: libpq takes the rest for host or database."""
    if "://" not in database_url:
        return False
    address = database_url.partition("://")[2].partition("?")[0]
    authority, _, path = address.partition("/")
    return authority.count("@") > 1 or "@" in path


def _secrets(database_url: str) -> set[str]:
    found = {match[1] for match in re.finditer(r"password\s*=\s*'?([^\s'&]+)", database_url)}
    if user_info := re.match(r"\w+://([^@]*(?:@[^@/]*)*)@", database_url):
        found.add(user_info[1].partition(":")[2])
    try:
        found.add(parse(database_url).get("password", ""))
    except MigrationError:
        pass
    found |= {unquote(one) for one in found}
    found |= {piece for one in found for piece in re.split(r"[@:/#?]", one)}
    return {one for one in found if len(one) > 2}


def _explain(error: psycopg.Error, database_url: str) -> ConnectionFailed:
    text = scrub(" ".join(str(error).split()), database_url)
    return ConnectionFailed(f"Could not connect to {describe(database_url)}: {text}", _mend(text, database_url))


def _mend(text: str, database_url: str) -> str:
    host = parse(database_url).get("host", "")
    if "password" in text:
        return f"Check user and password. {_SPECIAL_CHARACTERS}"
    if host.endswith(".supabase.co"):
        return "Direct addresses of Supabase need IPv6: without it, take the session pooler's address (port 5432)."
    if "refused" in text:
        return "Is the database running? `scripts/start` starts the local one."
    if "SSL" in text:
        return "Add ?sslmode=require for a hosted database, or ?sslmode=disable for a plain local one."
    return "Check host, port and database name in DATABASE_URL."
