"""The public part of access.md once more, as clients meet it: through the local REST and Storage, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from scripts.local.postgres import Postgres
from scripts.local.supabase.keys import make_keys
from scripts.local.supabase.tokens import Tokens
from tests.local.running import Running, running
from tests.sql.access_file import expected
from tests.sql.matrix import FUNCTIONS, People, cell
from tests.sql.project import ROLES, Key, Person, Row, Table, populated, tables

PUBLIC_FUNCTIONS = [line for line in expected("Functions") if line[0].startswith("public.")]
PUBLIC_TABLES = [line for line in expected("Tables") if line[0].startswith("public.")]
TURNED_AWAY = object()
ARGUMENTS = "select coalesce(proargnames[1:pronargs], '{}') from pg_proc where oid = %s"


@dataclass(frozen=True)
class Rest:
    """Reaches tables as supabase-js does."""

    stack: Running
    tokens: Tokens

    def send(self, person: Person, method: str, path: str, **kwargs: Any) -> Any:
        """The answer's JSON, or TURNED_AWAY: refused for who one is."""
        response = self.stack.call(method, path, **self._identity(person), **kwargs)
        body = response.json() if response.content else {}
        if response.status_code in (401, 403) and body["code"] in ("42501", "PT401", "PT403"):
            assert response.status_code == 401 or person.name != "anon", "anon is asked to sign in"
            return TURNED_AWAY
        assert response.status_code < 500, response.text
        return body

    def visible(self, person: Person, table: Table) -> set[Key] | None:
        """By the primary key."""
        found = self.send(person, "GET", f"/rest/v1/{_name(table)}", params={"select": ",".join(table.key)})
        return None if found is TURNED_AWAY else {tuple(str(row[column]) for column in table.key) for row in found}

    def change(self, person: Person, verb: str, table: Table, row: Row) -> bool | None:
        """An error other than a refusal comes after the permission."""
        method = {"insert": "POST", "update": "PATCH", "delete": "DELETE"}[verb]
        # PostgreSQL refuses a value for a ledger id before it asks for permission.
        made = {column for column in table.key if isinstance(row.values[column], int)}
        values = {column: row.values[column] for column in table.columns if column not in made}
        body = {"insert": values, "update": {table.columns[-1]: values[table.columns[-1]]}, "delete": None}[verb]
        where = {} if verb == "insert" else {c: f"eq.{k}" for c, k in zip(table.key, row.key, strict=True)}
        path = f"/rest/v1/{_name(table)}"
        prefer = "return=minimal" if verb == "insert" else "return=representation"
        found = self.send(person, method, path, params=where, json=body, headers={"Prefer": prefer})
        return None if found is TURNED_AWAY else found != []

    def _identity(self, person: Person) -> dict[str, str]:
        if person.name == "service_role":
            return {"key": self.stack.keys.secret_key}
        if person.name == "anon":
            return {}
        now = int(time.time())
        claims = person.claims | {"aud": "authenticated", "iat": now, "exp": now + 600}
        return {"token": self.tokens.sign(claims | {"iss": f"{self.stack.url}/auth/v1"})}


@dataclass(frozen=True)
class Project:
    """A stack with something of everybody's in it."""

    rest: Rest
    people: People
    tables: dict[str, Table]
    functions: dict[str, list[str]]


@pytest.fixture(scope="module")
def project(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project of the matrix, served."""
    keys = make_keys()
    with populated(postgres, "new") as (connection, people):
        url = postgres.url(connection.info.dbname)
        functions = {
            name: connection.execute(ARGUMENTS, [oid]).fetchall()[0][0]
            for name, oid, _ in connection.execute(FUNCTIONS).fetchall()
        }
        found = {table.name: table for table in tables(connection)}
        with running(url, tmp_path_factory.mktemp("files"), keys) as stack:
            yield Project(Rest(stack, Tokens(keys)), people, found, functions)


def _name(table: Table) -> str:
    return table.name.partition(".")[2]


@pytest.mark.parametrize("line", PUBLIC_TABLES, ids=lambda line: line[0])
def test_rest_gives_what_the_file_says(project: Project, line: tuple[str, ...]) -> None:
    """GET, POST, PATCH and DELETE on one's own rows and on somebody else's."""
    table = project.tables[line[0]]
    for role, listed in zip(ROLES, line[1:], strict=False):
        assert cell(project.rest, project.people[role], table) == listed, f"{role} on {line[0]}"


@pytest.mark.parametrize("line", PUBLIC_FUNCTIONS, ids=lambda line: line[0])
def test_rpc_answers_whom_the_file_names(project: Project, line: tuple[str, ...]) -> None:
    """401 without a token and 403 with one, for everybody else."""
    arguments = dict.fromkeys(project.functions[line[0]])
    for role, listed in zip(ROLES, line[1:], strict=False):
        path = f"/rest/v1/rpc/{line[0].partition('.')[2]}"
        answer = project.rest.send(project.people[role], "POST", path, json=arguments)
        assert (answer is TURNED_AWAY) == (listed == "-"), f"{role} calls {line[0]}: {answer}"


@pytest.mark.parametrize("role", ROLES)
def test_the_private_schema_is_not_served(project: Project, role: str) -> None:
    """Neither tables nor functions, whatever one is."""
    for method, path in (("GET", "settings"), ("POST", "rpc/clock")):
        response = project.rest.stack.call(
            method,
            f"/rest/v1/{path}",
            headers={"Accept-Profile": "private", "Content-Profile": "private"},
            **project.rest._identity(project.people[role]),
        )
        assert (response.status_code, response.json()["code"]) == (406, "PGRST106")


def test_files_are_read_by_their_owner_and_written_by_the_service(project: Project) -> None:
    """The Storage API itself: upload, download, sign, list and remove, in one's own folder and in another's."""
    rest, people = project.rest, project.people
    service, alice = people["service_role"], people["user"]
    path = f"{alice.user_id}/real.png"
    assert rest.stack.call(
        "POST", f"/storage/v1/object/images/{path}", content=b"x", **rest._identity(service)
    ).is_success
    for role in ("anon", "stranger", "user", "admin", "service_role"):
        identity = rest._identity(people[role])
        mine = role in ("user", "service_role")
        read = rest.stack.call("GET", f"/storage/v1/object/images/{path}", **identity)
        assert read.is_success == mine, role
        sign = rest.stack.call("POST", f"/storage/v1/object/sign/images/{path}", json={"expiresIn": 60}, **identity)
        assert sign.is_success == mine, role
        listed = rest.stack.call(
            "POST", "/storage/v1/object/list/images", json={"prefix": f"{alice.user_id}/"}, **identity
        )
        assert bool(listed.is_success and listed.json()) == mine, role
        if role != "service_role":
            new = f"/storage/v1/object/images/{alice.user_id}/new-{role}.png"
            assert not rest.stack.call("POST", new, content=b"x", **identity).is_success, role
            rest.stack.call("DELETE", "/storage/v1/object/images", json={"prefixes": [path]}, **identity)
    assert rest.stack.call("GET", f"/storage/v1/object/images/{path}", **rest._identity(service)).is_success
