"""The local REST API's errors: SQLSTATE to HTTP, raised responses, tokens, keys, CORS, and a database that is away."""

from __future__ import annotations

import time
from pathlib import Path

import jwt
import pytest

from scripts.local.postgres import Postgres
from scripts.local.supabase import Keys
from scripts.local.supabase.tokens import Tokens
from tests.local.running import Running, running

FUNCTIONS = """
create function public.refuse(state text, message text default 'no', detail text default null, hint text default null)
  returns void language plpgsql as $$ begin
    raise exception using errcode = state, message = message,
      detail = coalesce(detail, ''), hint = coalesce(hint, ''); end $$;
create function public.refuse_plainly() returns void language plpgsql as $$ begin raise exception 'plain'; end $$;
create function public.refuse_payment() returns void language plpgsql as $$ begin
  raise sqlstate 'PT402' using message = 'insufficient_credits', detail = '{"required": 5}', hint = 'Buy more.'; end $$;
create function public.described(message text, detail text) returns void language plpgsql as $$ begin
  if detail is null then raise sqlstate 'PGRST' using message = message; end if;
  raise sqlstate 'PGRST' using message = message, detail = detail; end $$;
create function public.whoami() returns json language sql stable as
  $$ select json_build_object('uid', auth.uid(), 'user', current_user) $$;
create function public.for_users() returns int language sql as 'select 1';
revoke execute on function public.for_users() from public, anon;
grant execute on function public.for_users() to service_role;
"""


@pytest.fixture(scope="module", autouse=True)
def functions(supabase: Running) -> None:
    supabase.sql(FUNCTIONS)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("08006", 503), ("09000", 500), ("0L000", 403), ("0P000", 403), ("21000", 500), ("22023", 400), ("22P02", 400),
        ("23502", 400), ("23503", 409), ("23505", 409), ("23514", 400), ("25000", 500), ("25006", 405), ("28000", 403),
        ("2D000", 500), ("38000", 500), ("39000", 500), ("3B000", 500), ("40001", 500), ("40P01", 500), ("42703", 400),
        ("42883", 404), ("42P01", 404), ("42P17", 500), ("42501", 401), ("53000", 503), ("53400", 500), ("54000", 500),
        ("55000", 500), ("57014", 500), ("57P01", 503), ("58000", 500), ("F0000", 500), ("HV000", 500), ("P0001", 400),
        ("P0002", 500), ("P0004", 500), ("XX000", 500), ("PT402", 402), ("PT409", 409), ("PT200", 200), ("PT204", 204),
        ("PT600", 600), ("PTABC", 500), ("ZZ000", 400),
    ],
)  # fmt: skip
def test_each_sqlstate_has_its_http_status(supabase: Running, state: str, status: int) -> None:
    refused = supabase.rpc("refuse", {"state": state})
    assert refused.status_code == status
    if status != 204:
        assert refused.json()["code"] == state
    if status == 503:
        assert refused.headers["retry-after"] == "0"


def test_the_body_of_an_error(supabase: Running) -> None:
    refused = supabase.rpc("refuse_payment")
    assert refused.status_code == 402
    assert refused.json() == {
        "code": "PT402",
        "message": "insufficient_credits",
        "details": '{"required": 5}',
        "hint": "Buy more.",
    }
    assert refused.headers["proxy-status"] == "PostgREST; error=PT402"
    assert supabase.rpc("refuse_plainly").json() == {"code": "P0001", "message": "plain", "details": None, "hint": None}


def test_a_missing_where_clause_is_the_callers_fault(supabase: Running) -> None:
    refused = supabase.rpc("refuse", {"state": "21000", "message": "DELETE requires a WHERE clause"})
    assert refused.status_code == 400


def test_a_missing_right_is_401_for_strangers_and_403_for_users(supabase: Running) -> None:
    stranger, user = supabase.rpc("for_users"), supabase.rpc("for_users", token=supabase.sign_up().token)
    assert (stranger.status_code, stranger.json()["code"]) == (401, "42501")
    assert stranger.headers["www-authenticate"] == "Bearer"
    assert (user.status_code, user.json()["code"]) == (403, "42501")


def test_sql_describes_a_whole_response(supabase: Running) -> None:
    message = '{"code": "slow_down", "message": "Too fast", "hint": "Wait"}'
    refused = supabase.rpc(
        "described", {"message": message, "detail": '{"status": 429, "headers": {"Retry-After": "60"}}'}
    )
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    assert refused.json() == {"code": "slow_down", "message": "Too fast", "details": None, "hint": "Wait"}


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ("not json", '{"status": 429, "headers": {}}'),
        ('{"code": "x"}', '{"status": 429, "headers": {}}'),
        ('{"code": "x", "message": "y"}', '{"status": 429}'),
        ('{"code": "x", "message": "y"}', "[]"),
        ('{"code": "x", "message": "y"}', None),
    ],
)
def test_a_badly_described_response_is_an_error(supabase: Running, message: str, detail: str | None) -> None:
    refused = supabase.rpc("described", {"message": message, "detail": detail})
    assert (refused.status_code, refused.json()["code"]) == (500, "PGRST121")


def claims_of(**changes: object) -> dict[str, object]:
    now = int(time.time())
    return {
        "sub": "00000000-0000-0000-0000-000000000001",
        "role": "authenticated",
        "iat": now,
        "exp": now + 60,
        **changes,
    }


def test_tokens_of_both_kinds_are_accepted(supabase: Running) -> None:
    new = Tokens(supabase.keys).sign(claims_of())
    legacy = jwt.encode(claims_of(), supabase.keys.jwt_secret)
    for token in (new, legacy):
        assert supabase.rpc("whoami", token=token).json()["user"] == "authenticated"


def test_a_token_without_a_role_is_anonymous(supabase: Running) -> None:
    claims = claims_of()
    del claims["role"]
    seen = supabase.rpc("whoami", token=jwt.encode(claims, supabase.keys.jwt_secret)).json()
    assert seen == {"uid": claims["sub"], "user": "anon"}


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"exp": int(time.time()) - 120}, 401, "PGRST303"),
        ({"nbf": int(time.time()) + 86400}, 401, "PGRST303"),
        ({"iat": int(time.time()) + 86400}, 401, "PGRST303"),
        ({"role": "postgres"}, 403, "42501"),
        ({"role": "no_such_role"}, 401, "22023"),
        ({"exp": "soon"}, 401, "PGRST301"),
    ],
)
def test_tokens_with_bad_claims_are_refused(
    supabase: Running, changes: dict[str, object], status: int, code: str
) -> None:
    refused = supabase.rpc("whoami", token=Tokens(supabase.keys).sign(claims_of(**changes)))
    assert (refused.status_code, refused.json()["code"]) == (status, code)


def test_an_expired_token_has_some_leeway(supabase: Running) -> None:
    token = Tokens(supabase.keys).sign(claims_of(exp=int(time.time()) - 10))
    assert supabase.rpc("whoami", token=token).status_code == 200


def test_tokens_that_nobody_here_signed_are_refused(supabase: Running) -> None:
    parts = Tokens(supabase.keys).sign(claims_of()).split(".")
    forged = [
        "nonsense",
        "a.b.c",
        jwt.encode(claims_of(), "another secret that is long enough for HS256"),
        jwt.encode(claims_of(), "", algorithm="none"),
        jwt.encode(claims_of(role="service_role"), supabase.keys.public_jwk["x"] * 2, algorithm="HS256"),
        ".".join([parts[0], parts[1], parts[2][::-1]]),
        ".".join([*jwt.encode(claims_of(role="service_role"), "x" * 32).split(".")[:2], parts[2]]),
        supabase.keys.secret_key,
    ]
    for token in forged:
        refused = supabase.rpc("whoami", token=token)
        assert (refused.status_code, refused.json()["code"]) == (401, "PGRST301"), token
        assert refused.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


def test_the_gateway_wants_a_key_that_it_knows(supabase: Running) -> None:
    missing = supabase.http.post("/rest/v1/rpc/whoami", json={})
    assert (missing.status_code, missing.json()["message"]) == (401, "No API key found in request")
    unknown = supabase.http.post("/rest/v1/rpc/whoami", json={}, headers={"apikey": "sb_publishable_no"})
    assert (unknown.status_code, unknown.json()["message"]) == (401, "Invalid API key")
    in_query = supabase.http.post(f"/rest/v1/rpc/whoami?apikey={supabase.keys.publishable_key}", json={})
    assert in_query.json()["user"] == "anon"


def test_a_key_alone_is_enough(supabase: Running) -> None:
    for key, role in (
        ("secret_key", "service_role"),
        ("publishable_key", "anon"),
        ("service_role_key", "service_role"),
    ):
        seen = supabase.http.post("/rest/v1/rpc/whoami", json={}, headers={"apikey": getattr(supabase.keys, key)})
        assert seen.json()["user"] == role


def test_a_secret_key_is_refused_from_a_browser(supabase: Running) -> None:
    refused = supabase.service("POST", "/rest/v1/rpc/whoami", json={}, headers={"User-Agent": "Mozilla/5.0 (X11)"})
    assert refused.status_code == 401
    assert refused.json()["message"] == "Forbidden use of secret API key in browser"


def test_browsers_may_call_from_any_origin(supabase: Running) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Headers": "apikey,prefer"}
    preflight = supabase.http.options("/rest/v1/rpc/whoami", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-headers"] == "apikey,prefer"
    refused = supabase.rpc("refuse_payment", headers=asked)
    assert refused.headers["access-control-allow-origin"] == "*"
    assert "content-range" in refused.headers["access-control-expose-headers"]


def test_services_that_are_not_here_say_so(supabase: Running) -> None:
    refused = supabase.call("POST", "/functions/v1/hello")
    assert (refused.status_code, refused.json()["message"]) == (
        501,
        "The service 'functions' is not in the local stack",
    )
    assert supabase.call("GET", "/nowhere").json() == {"message": "no Route matched with those values"}


def test_it_comes_back_with_the_database(keys: Keys, tmp_path: Path) -> None:
    with Postgres(durable=False, port=0) as postgres:
        postgres.create_platform("away")
        url = postgres.url("away")
        with running(url, tmp_path, keys) as stack:
            stack.sql("create function public.one() returns int language sql as 'select 1'")
            assert stack.rpc("one").json() == 1
            postgres.fixed_port = True
            postgres.child.stop()
            for _ in range(3):
                refused = stack.rpc("one")
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "0")
                assert refused.json()["code"] in ("PGRST000", "PGRST001", "PGRST002")
            assert (
                stack.call(
                    "POST", "/auth/v1/token?grant_type=password", json={"email": "a@b.co", "password": "x"}
                ).status_code
                == 500
            )
            postgres.start()
            assert stack.rpc("one").json() == 1
            assert stack.sign_up().id
