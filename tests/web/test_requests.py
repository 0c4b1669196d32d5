"""Around every request: its id, its log line, its headers, CORS, and a strict reading of what comes in."""

from __future__ import annotations

import json
import re

import pytest
from flask.testing import FlaskClient

from backend.app import create_app
from tests.web.conftest import NOWHERE, Whoami, settings_for
from tests.web.keyserver import USER_ID, KeyServer
from tests.web.test_errors import check_shape

Capture = pytest.CaptureFixture[str]
QUOTE = "/api/v1/generations/quote"


@pytest.fixture
def alice(keyserver: KeyServer, whoami: Whoami) -> FlaskClient:
    """A client that is signed in; her requests get past the guard and no further than validation."""
    client = whoami()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {keyserver.token()}"
    return client


def test_every_answer_carries_a_request_id(client: FlaskClient) -> None:
    """Made up when absent, and another one each time."""
    first, second = (client.get("/health").headers["X-Request-Id"] for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert first != second


def test_a_good_request_id_is_kept(client: FlaskClient) -> None:
    """So that a caller finds its request in our log."""
    assert client.get("/health", headers={"X-Request-Id": "abc-123_X.9"}).headers["X-Request-Id"] == "abc-123_X.9"


@pytest.mark.parametrize("given", ["a b", "x" * 129, '"}', "é", ""])
def test_a_bad_request_id_is_replaced(client: FlaskClient, given: str) -> None:
    """It goes into logs and headers, so not everything is let through."""
    assert client.get("/health", headers={"X-Request-Id": given}).headers["X-Request-Id"] != given


def test_one_line_is_logged_per_request(
    capfd: pytest.CaptureFixture[str], keyserver: KeyServer, whoami: Whoami
) -> None:
    """Method, route, status, milliseconds and ids; neither token nor key."""
    token = keyserver.token()
    whoami().get("/whoami", headers={"Authorization": f"Bearer {token}", "X-Request-Id": "find-me"})
    text = capfd.readouterr().err
    lines = [json.loads(line) for line in text.splitlines()]
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["ms"] >= 0
    assert {name: line[name] for name in ("method", "route", "status", "request_id", "user_id", "level")} == {
        "method": "GET",
        "route": "/whoami",
        "status": 200,
        "request_id": "find-me",
        "user_id": USER_ID,
        "level": "info",
    }
    assert token not in text
    assert "sb_secret" not in text


def test_ids_do_not_leak_into_the_next_request(
    capfd: pytest.CaptureFixture[str], keyserver: KeyServer, whoami: Whoami
) -> None:
    """Threads are used again; the ids of the last request must be gone."""
    client = whoami()
    client.get("/whoami", headers={"Authorization": f"Bearer {keyserver.token()}"})
    client.get("/health")
    last = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert (last["route"], "user_id" in last) == ("/health", False)


def test_answers_are_not_cached_or_guessed_at(client: FlaskClient) -> None:
    """Balances do not belong into a proxy's cache."""
    headers = client.get("/health").headers
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


@pytest.mark.parametrize(
    ("content_type", "body", "field"),
    [
        ("application/json", b"", "body"),
        ("application/json", b"{", "body"),
        ("application/json", b"\xff\xfe", "body"),
        ("application/json", b"[]", "body"),
        ("application/json", b'"{}"', "body"),
        ("application/json", b"null", "body"),
        ("application/json", b"[" * 100_000, "body"),
        ("application/json", b'{"model": "m", "params": {"a": ' + b"[" * 500 + b"]" * 500 + b"}}", "params.a"),
        ("application/json", b'{"model": "m", "params": {"seed": NaN}}', "body"),
        ("application/json", b'{"model": "m", "params": {"seed": 1e999}}', "body"),
        ("application/json", b'{"model": "m", "params": {"seed": ' + b"9" * 5000 + b"}}", "body"),
        ("application/json", b'{"model": "m\\u0000"}', "model"),
        ("application/json", b'{"model": "m", "params": {"a": {"b": ["\\u0000"]}}}', "params.a.b"),
        ("application/json", b'{"model": "m", "params": {"a\\u0000": 1}}', "params"),
        ("application/json", b'{"model": "\\ud800"}', "model"),
        ("text/plain", b'{"model": "m"}', "body"),
        ("application/x-www-form-urlencoded", b"model=m", "body"),
        ("application/json", b"{}", "model"),
        ("application/json", b'{"model": 5}', "model"),
        ("application/json", b'{"model": ""}', "model"),
        ("application/json", b'{"model": "m", "params": []}', "params"),
        ("application/json", b'{"model": "m", "params": "{}"}', "params"),
        ("application/json", b'{"model": "m", "price": 0}', "price"),
    ],
)
def test_a_malformed_body_is_422_naming_the_field(
    alice: FlaskClient, content_type: str, body: bytes, field: str
) -> None:
    """Never a 500, never a guess, and no field that nobody reads."""
    error = check_shape(alice.post(QUOTE, data=body, content_type=content_type), 422, "invalid_params")
    assert error["details"]["field"] == field


def test_a_missing_content_type_is_422(alice: FlaskClient) -> None:
    """Said in words, since this is the most common mistake with curl."""
    error = check_shape(alice.post(QUOTE, data=b"{}"), 422, "invalid_params")
    assert "Content-Type: application/json" in error["message"]


def test_every_wrong_field_is_listed(alice: FlaskClient) -> None:
    """One look, one mend."""
    error = check_shape(alice.post(QUOTE, json={"model": 5, "params": 6}), 422, "invalid_params")
    assert [problem["field"] for problem in error["details"]["problems"]] == ["model", "params"]


def test_a_body_that_is_too_large_is_413(alice: FlaskClient) -> None:
    """Prompts are text, not files."""
    check_shape(alice.post(QUOTE, json={"model": "m" * 300_000}), 413, "payload_too_large")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/generations?limit=0", "limit"),
        ("/api/v1/generations?limit=101", "limit"),
        ("/api/v1/generations?limit=1.0", "limit"),
        ("/api/v1/generations?limit=1_0", "limit"),
        ("/api/v1/generations?limit=ten", "limit"),
        ("/api/v1/generations?limit=%00", "limit"),
        ("/api/v1/generations?before=17", "before"),
        ("/api/v1/generations?status=lost", "status"),
        ("/api/v1/generations?page=2", "page"),
        ("/api/v1/generations/17", "generation_id"),
        ("/api/v1/credits/transactions?before=0", "before"),
        ("/api/v1/credits/transactions?before=9223372036854775808", "before"),
        ("/api/v1/credits/transactions?before=-1", "before"),
    ],
)
def test_a_malformed_address_is_422_naming_the_field(alice: FlaskClient, path: str, field: str) -> None:
    """The same for queries and ids."""
    error = check_shape(alice.get(path), 422, "invalid_params")
    assert error["details"]["field"] == field


@pytest.mark.parametrize("key", ["x" * 256, "with space", "é", ""])
def test_a_malformed_idempotency_key_is_422(alice: FlaskClient, key: str) -> None:
    """Printable ASCII, 1 to 255 characters."""
    answer = alice.post("/api/v1/generations", json={"model": "m", "prompt": "p"}, headers={"Idempotency-Key": key})
    assert check_shape(answer, 422, "invalid_params")["details"]["field"] == "Idempotency-Key"


def test_who_is_not_signed_in_learns_nothing_about_the_body(client: FlaskClient) -> None:
    """401 comes before 422."""
    check_shape(client.post(QUOTE, data=b"{"), 401, "unauthenticated")


def test_listed_origins_may_call_the_api() -> None:
    """A browser's preflight is answered without a token, and errors carry the header too."""
    client = create_app(
        settings_for(NOWHERE, CORS_ORIGINS="https://a.example.com, https://b.example.com")
    ).test_client()
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, idempotency-key"}
    preflight = client.options(QUOTE, headers={"Origin": "https://b.example.com", **ask})
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://b.example.com"
    assert "Idempotency-Key" in preflight.headers["Access-Control-Allow-Headers"].title()
    refused = client.get("/api/v1/me", headers={"Origin": "https://a.example.com"})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, "https://a.example.com")
    assert "X-Request-Id" in refused.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in refused.headers


@pytest.mark.parametrize("origin", ["https://evil.example.com", "https://a.example.com.evil.com", "null"])
def test_other_origins_may_not(origin: str) -> None:
    """No header, no access from that page."""
    client = create_app(settings_for(NOWHERE, CORS_ORIGINS="https://a.example.com,https://b.example.com")).test_client()
    assert "Access-Control-Allow-Origin" not in client.get("/api/v1/me", headers={"Origin": origin}).headers
    assert "Access-Control-Allow-Origin" not in client.options(QUOTE, headers={"Origin": origin}).headers


def test_without_origins_no_page_may(client: FlaskClient) -> None:
    """The default."""
    assert (
        "Access-Control-Allow-Origin"
        not in client.get("/api/v1/me", headers={"Origin": "https://a.example.com"}).headers
    )
