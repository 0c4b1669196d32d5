"""The before-user-created hook of the local Auth: who is asked about, with what, and what a refusal does."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local.supabase import Keys
from tests.local.running import PASSWORD, Running, running

HOOK = """
create function public.before_user_created_hook(event jsonb) returns jsonb language plpgsql as $$
begin
  if event -> 'user' ->> 'email' like 'broken%' then raise exception 'a bug'; end if;
  return case when event -> 'user' ->> 'email' like 'welcome%' then '{}'
    else jsonb_build_object('error', jsonb_build_object('http_code', 403, 'message', current_user || ' ' || event)) end;
end $$;
revoke execute on function public.before_user_created_hook from public, anon, authenticated;
grant execute on function public.before_user_created_hook to supabase_auth_admin;
"""


@pytest.fixture(scope="module")
def asking(bare_database: str, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A local Supabase whose project has the hook."""
    with running(bare_database, tmp_path_factory.mktemp("storage"), keys, allow_anonymous=True) as stack:
        stack.sql(HOOK)
        yield stack


def address(kind: str = "refused") -> str:
    return f"{kind}-{uuid.uuid4().hex}@example.com"


def everybody(stack: Running) -> int:
    [(count,)] = stack.sql("select count(*) from auth.users")
    return int(count)


@pytest.mark.parametrize(
    ("path", "body", "secret"),
    [
        ("signup", {"password": PASSWORD}, False),
        ("otp", {"create_user": True}, False),
        ("invite", {}, True),
        ("admin/generate_link", {"type": "magiclink"}, True),
        ("admin/generate_link", {"type": "invite"}, True),
        ("signup", None, False),  # anonymous
    ],
)
def test_whoever_signs_up_or_is_invited_is_asked_about(
    asking: Running, path: str, body: dict[str, object] | None, secret: bool
) -> None:
    """Refused, there is no such user; the hook sees who it would be, and runs as the Auth server."""
    key, before = asking.keys.secret_key if secret else None, everybody(asking)
    email = address()
    json = {"data": {}} if body is None else {"email": email, **body}
    refused = asking.call("POST", f"/auth/v1/{path}", key=key, json=json)
    assert refused.status_code == 403, refused.text
    said = refused.json()["msg"]
    assert said.startswith("supabase_auth_admin ")
    assert '"name": "before-user-created"' in said and (email in said or body is None)
    assert everybody(asking) == before


def test_who_is_welcome_gets_in_and_who_is_there_already_is_not_asked_about(asking: Running) -> None:
    """And a server makes users itself without the hook."""
    email = address("welcome")
    assert asking.call("POST", "/auth/v1/signup", json={"email": email, "password": PASSWORD}).status_code == 200
    made = {"email": address(), "password": PASSWORD, "email_confirm": True}
    assert asking.service("POST", "/auth/v1/admin/users", json=made).status_code == 200
    sign_in = {"email": made["email"], "password": PASSWORD}
    assert asking.call("POST", "/auth/v1/token?grant_type=password", json=sign_in).status_code == 200
    assert asking.call("POST", "/auth/v1/otp", json={"email": made["email"]}).status_code == 200


def test_a_hook_that_fails_lets_nobody_in(asking: Running) -> None:
    """500, as the platform has it."""
    answer = asking.call("POST", "/auth/v1/signup", json={"email": address("broken"), "password": PASSWORD})
    assert (answer.status_code, "Error running hook URI" in answer.json()["msg"]) == (500, True)


def test_a_project_without_the_hook_asks_nobody(bare_database: str, keys: Keys, tmp_path: Path) -> None:
    """As before it was enabled."""
    with running(bare_database, tmp_path, keys, before_user_created_hook="") as stack:
        stack.sign_up()
