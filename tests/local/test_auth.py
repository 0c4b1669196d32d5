"""Signing up, in and out of the local Auth: sessions, refresh tokens, users' own changes, the hook, errors."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from jwt import PyJWKClient

from scripts.local.supabase import Keys
from tests.local.running import PASSWORD, Running, running

NEW_API = {"X-Supabase-Api-Version": "2024-01-01"}


def sign_in(supabase: Running, email: str, password: str = PASSWORD) -> httpx.Response:
    return supabase.call("POST", "/auth/v1/token?grant_type=password", json={"email": email, "password": password})


def refresh(supabase: Running, token: str) -> httpx.Response:
    return supabase.call(
        "POST", "/auth/v1/token?grant_type=refresh_token", json={"refresh_token": token}, headers=NEW_API
    )


def verified(supabase: Running, token: str) -> dict[str, Any]:
    """Check a token as a backend does: with the published keys."""
    key = PyJWKClient(f"{supabase.url}/auth/v1/.well-known/jwks.json").get_signing_key_from_jwt(token)
    return jwt.decode(
        token,
        key.key,
        algorithms=["ES256"],
        audience="authenticated",
        issuer=f"{supabase.url}/auth/v1",
        options={"require": ["exp", "iat", "sub", "aud", "iss"]},
    )


def test_a_sign_up_gives_a_session_whose_token_the_published_keys_verify(supabase: Running) -> None:
    email = f"New-{uuid.uuid4().hex}@Example.com"
    body = {"email": email, "password": PASSWORD, "data": {"name": "Ann"}, "gotrue_meta_security": {}}
    session = supabase.call("POST", "/auth/v1/signup", json=body).json()
    assert (session["token_type"], session["expires_in"]) == ("bearer", 3600)
    user = session["user"]
    assert (user["email"], user["role"], user["aud"]) == (email.lower(), "authenticated", "authenticated")
    assert user["user_metadata"]["name"] == "Ann"
    assert user["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert [identity["provider"] for identity in user["identities"]] == ["email"]
    assert user["created_at"].endswith("Z")
    claims = verified(supabase, session["access_token"])
    assert (claims["sub"], claims["role"], claims["aal"], claims["is_anonymous"]) == (
        user["id"], "authenticated", "aal1", False,
    )  # fmt: skip
    assert claims["amr"][0]["method"] == "password"
    assert claims["exp"] == session["expires_at"]
    assert supabase.sql("select count(*) from auth.sessions where id = %s", claims["session_id"]) == [(1,)]


def test_the_published_keys_hold_nothing_private(supabase: Running) -> None:
    answer = supabase.http.get("/auth/v1/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=600"
    (key,) = answer.json()["keys"]
    assert (key["alg"], key["kty"], "d" in key) == ("ES256", "EC", False)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"email": "nobody", "password": PASSWORD}, 400, "validation_failed"),
        ({"email": "a@example.com"}, 400, "validation_failed"),
        ({"email": "a@example.com", "password": "12345"}, 422, "weak_password"),
        ({"email": "a@example.com", "password": "x" * 73}, 400, "validation_failed"),
        ({"phone": "+441234", "password": PASSWORD}, 400, "phone_provider_disabled"),
        ({"data": {}}, 422, "anonymous_provider_disabled"),
    ],
)
def test_refused_sign_ups(supabase: Running, body: dict[str, Any], status: int, code: str) -> None:
    old = supabase.call("POST", "/auth/v1/signup", json=body)
    assert (old.status_code, old.json()["error_code"], old.json()["code"]) == (status, code, status)
    assert old.json()["msg"]
    new = supabase.call("POST", "/auth/v1/signup", json=body, headers=NEW_API)
    assert (new.status_code, new.json()["code"]) == (status, code)
    assert new.headers["x-supabase-api-version"] == "2024-01-01"
    assert new.headers.get("x-sb-error-code") == (None if code == "weak_password" else code)


def test_an_address_can_sign_up_once(supabase: Running) -> None:
    user = supabase.sign_up()
    body = {"email": user.email.upper(), "password": PASSWORD}
    refused = supabase.call("POST", "/auth/v1/signup", json=body, headers=NEW_API)
    assert (refused.status_code, refused.json()) == (
        422, {"code": "user_already_exists", "message": "User already registered"},
    )  # fmt: skip


def test_signing_in_with_a_password(supabase: Running) -> None:
    user = supabase.sign_up()
    session = sign_in(supabase, f" {user.email.upper()} ").json()
    assert session["user"]["id"] == user.id
    assert verified(supabase, session["access_token"])["session_id"] != verified(supabase, user.token)["session_id"]
    for email, password in ((user.email, "wrong"), (user.email, "x" * 100), ("nobody@example.com", PASSWORD)):
        refused = sign_in(supabase, email, password)
        assert (refused.status_code, refused.json()["error_code"]) == (400, "invalid_credentials")


def test_a_banned_user_cannot_sign_in(supabase: Running) -> None:
    user = supabase.sign_up()
    supabase.service("PUT", f"/auth/v1/admin/users/{user.id}", json={"ban_duration": "24h"})
    assert sign_in(supabase, user.email).json()["error_code"] == "user_banned"
    assert refresh(supabase, user.refresh_token).json()["code"] == "user_banned"


def test_other_grants_are_refused(supabase: Running) -> None:
    unknown = supabase.call("POST", "/auth/v1/token?grant_type=magic", json={})
    assert (unknown.status_code, unknown.json()["error_code"]) == (400, "invalid_credentials")
    absent = supabase.call("POST", "/auth/v1/token?grant_type=id_token", json={})
    assert (absent.status_code, absent.json()["msg"]) == (501, "The grant type id_token is not in the local stack")
    for content in (b"{", b"[]", b'{"email": "half a surrogate pair: \\ud800"}'):
        broken = supabase.call("POST", "/auth/v1/signup", content=content, headers=NEW_API)
        assert (broken.status_code, broken.json()["code"]) == (400, "bad_json")


def age(supabase: Running, token: str, seconds: int = 60) -> None:
    """Let a used refresh token have been used longer ago."""
    supabase.sql(
        "update auth.refresh_tokens set updated_at = updated_at - make_interval(secs => %s) where token = %s",
        seconds,
        token,
    )


def test_refreshing_rotates_the_token_within_one_session(supabase: Running) -> None:
    user = supabase.sign_up()
    session = refresh(supabase, user.refresh_token).json()
    assert session["refresh_token"] != user.refresh_token
    assert verified(supabase, session["access_token"])["session_id"] == verified(supabase, user.token)["session_id"]
    assert verified(supabase, session["access_token"])["amr"][0]["method"] == "password"


def test_the_parent_of_the_current_token_gives_the_current_one_at_any_time(supabase: Running) -> None:
    first = supabase.sign_up().refresh_token
    second = refresh(supabase, first).json()["refresh_token"]
    age(supabase, first)
    assert refresh(supabase, first).json()["refresh_token"] == second


def test_an_older_token_ends_the_session(supabase: Running) -> None:
    first = supabase.sign_up().refresh_token
    second = refresh(supabase, first).json()["refresh_token"]
    third = refresh(supabase, second).json()["refresh_token"]
    age(supabase, first)
    refused = refresh(supabase, first)
    assert (refused.status_code, refused.json()["code"]) == (400, "refresh_token_already_used")
    assert refresh(supabase, third).status_code == 200  # revoked a moment ago: still within the interval
    fourth = supabase.sql("select token from auth.refresh_tokens where parent = %s", third)[0][0]
    age(supabase, first)
    assert refresh(supabase, first).status_code == 400
    age(supabase, fourth)
    assert refresh(supabase, fourth).json()["code"] == "refresh_token_already_used"


def test_an_older_token_within_the_interval_still_refreshes(supabase: Running) -> None:
    first = supabase.sign_up().refresh_token
    second = refresh(supabase, first).json()["refresh_token"]
    refresh(supabase, second)
    assert refresh(supabase, first).status_code == 200


def test_parallel_refreshes_of_one_token_agree(supabase: Running) -> None:
    token = supabase.sign_up().refresh_token
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: refresh(supabase, token), range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


def test_refresh_tokens_that_are_none(supabase: Running) -> None:
    assert refresh(supabase, "no-such-token").json()["code"] == "refresh_token_not_found"
    assert refresh(supabase, "").json() == {
        "error": "invalid_request",
        "error_description": "refresh_token required",
    }
    user = supabase.sign_up()
    supabase.sql("update auth.sessions set not_after = now() - interval '1 s' where user_id = %s", user.id)
    assert refresh(supabase, user.refresh_token).json()["code"] == "session_expired"


@pytest.mark.parametrize(
    ("scope", "here", "elsewhere"), [("local", 403, 200), ("others", 200, 403), ("global", 403, 403)]
)
def test_signing_out(supabase: Running, scope: str, here: int, elsewhere: int) -> None:
    user = supabase.sign_up()
    other = sign_in(supabase, user.email).json()
    gone = supabase.call("POST", f"/auth/v1/logout?scope={scope}", token=user.token)
    assert (gone.status_code, gone.content) == (204, b"")
    assert supabase.call("GET", "/auth/v1/user", token=user.token).status_code == here
    assert supabase.call("GET", "/auth/v1/user", token=other["access_token"]).status_code == elsewhere
    assert (refresh(supabase, user.refresh_token).status_code == 200) == (here == 200)


def test_reading_oneself(supabase: Running) -> None:
    user = supabase.sign_up()
    assert supabase.call("GET", "/auth/v1/user", token=user.token).json()["id"] == user.id

    def refusal(token: str) -> tuple[int, str]:
        refused = supabase.call("GET", "/auth/v1/user", token=token, headers=NEW_API)
        return refused.status_code, refused.json()["code"]

    bare = supabase.http.get("/auth/v1/user", headers={"apikey": supabase.keys.publishable_key, **NEW_API})
    assert (bare.status_code, bare.json()["code"]) == (401, "no_authorization")
    assert refusal(supabase.keys.publishable_key) == (403, "bad_jwt")
    assert refusal("nonsense") == (403, "bad_jwt")
    supabase.call("POST", "/auth/v1/logout", token=user.token)
    assert refusal(user.token) == (403, "session_not_found")
    supabase.service("DELETE", f"/auth/v1/admin/users/{user.id}", json={})
    assert refusal(user.token) == (403, "user_not_found")


def test_changing_oneself(supabase: Running) -> None:
    user = supabase.sign_up(data={"name": "Ann", "city": "Bath"})

    def change(body: dict[str, Any]) -> httpx.Response:
        return supabase.call("PUT", "/auth/v1/user", token=user.token, json=body, headers=NEW_API)

    metadata = change({"data": {"name": "Eve", "city": None}}).json()["user_metadata"]
    assert (metadata["name"], "city" in metadata) == ("Eve", False)
    assert change({"password": PASSWORD}).json()["code"] == "same_password"
    assert change({"password": "123"}).json()["code"] == "weak_password"
    assert change({"password": "another horse"}).status_code == 200
    assert sign_in(supabase, user.email, "another horse").status_code == 200
    assert change({"email": supabase.sign_up().email}).json()["code"] == "email_exists"
    new_address = f"{uuid.uuid4().hex}@example.com"
    assert change({"email": new_address}).json()["email"] == new_address
    assert sign_in(supabase, new_address, "another horse").status_code == 200


def test_a_users_trigger_that_fails_refuses_the_sign_up_and_leaves_nothing(supabase: Running) -> None:
    supabase.sql(
        """
        create function public.refuse_evil() returns trigger language plpgsql as $$ begin
          if new.email like 'evil%' then raise exception 'no'; end if; return new; end $$;
        create trigger refuse_evil after insert on auth.users for each row execute function public.refuse_evil();
        """
    )
    body = {"email": "evil@example.com", "password": PASSWORD}
    refused = supabase.call("POST", "/auth/v1/signup", json=body, headers=NEW_API)
    assert (refused.status_code, refused.json()) == (
        500, {"code": "unexpected_failure", "message": "Database error saving new user"},
    )  # fmt: skip
    assert supabase.sql("select count(*) from auth.users where email = 'evil@example.com'") == [(0,)]
    assert supabase.sign_up().id


def test_what_is_not_here_says_so(supabase: Running) -> None:
    for method, path in (
        ("GET", "/auth/v1/authorize?provider=github"),
        ("POST", "/auth/v1/factors"),
        ("POST", "/auth/v1/sso"),
        ("GET", "/auth/v1/admin/audit"),
        ("GET", "/auth/v1/reauthenticate"),
    ):
        refused = supabase.call(method, path, headers=NEW_API)
        assert (refused.status_code, refused.json()["code"]) == (501, "not_in_local_stack")
        assert refused.json()["message"].endswith("not in the local stack")
    assert supabase.http.get("/auth/v1/authorize?provider=github").status_code == 501  # a browser brings no key


def test_settings_and_health(supabase: Running) -> None:
    settings = supabase.call("GET", "/auth/v1/settings").json()
    assert (settings["mailer_autoconfirm"], settings["disable_signup"]) == (True, False)
    assert supabase.call("GET", "/auth/v1/health").json()["name"] == "GoTrue"


HOOK = """
create function public.custom_access_token_hook(event jsonb) returns jsonb language plpgsql stable as $$
declare
  kind text := event -> 'claims' -> 'user_metadata' ->> 'kind';
  same boolean := (event ->> 'user_id') = (event -> 'claims' ->> 'sub');
begin
  if kind = 'refused' then
    return jsonb_build_object('error', jsonb_build_object('http_code', 403, 'message', 'Not today'));
  elsif kind = 'broken' then raise exception 'a bug';
  elsif kind = 'lossy' then return jsonb_build_object('claims', (event -> 'claims') - 'role');
  end if;
  return jsonb_set(event, '{claims,user_role}',
    to_jsonb(current_user || ' ' || (event ->> 'authentication_method') || ' ' || same));
end $$;
revoke execute on function public.custom_access_token_hook from public, anon, authenticated;
grant execute on function public.custom_access_token_hook to supabase_auth_admin;
"""


@pytest.fixture
def hook(supabase: Running) -> Iterator[None]:
    supabase.sql(HOOK)
    yield
    supabase.sql("drop function public.custom_access_token_hook")


@pytest.mark.usefixtures("hook")
def test_the_hook_adds_claims_on_every_issue(supabase: Running) -> None:
    user = supabase.sign_up()
    assert verified(supabase, user.token)["user_role"] == "supabase_auth_admin password true"
    again = refresh(supabase, user.refresh_token).json()
    assert verified(supabase, again["access_token"])["user_role"] == "supabase_auth_admin token_refresh true"


@pytest.mark.usefixtures("hook")
@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [
        ("refused", 403, "Not today"),
        ("broken", 500, "Error running hook URI"),
        ("lossy", 500, "role is required"),
    ],
)
def test_a_hook_that_refuses_or_fails_issues_no_token(supabase: Running, kind: str, status: int, message: str) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    body = {"email": email, "password": PASSWORD, "data": {"kind": kind}}
    refused = supabase.call("POST", "/auth/v1/signup", json=body)
    assert refused.status_code == status
    assert message in refused.json()["msg"]
    assert supabase.sql("select count(*) from auth.users where email = %s", email) == [(0,)]


def test_a_session_as_long_as_the_stack_was_told(bare_database: str, keys: Keys, tmp_path: Path) -> None:
    with running(bare_database, tmp_path, keys, jwt_expiry=2, allow_anonymous=True) as stack:
        answer = stack.call("POST", "/auth/v1/signup", json={"data": {"from": "a test"}})
        session = answer.json()
        claims = verified(stack, session["access_token"])
        assert (claims["is_anonymous"], claims["role"]) == (True, "authenticated")
        assert claims["exp"] - claims["iat"] == session["expires_in"] == 2
        assert session["expires_at"] <= time.time() + 2
