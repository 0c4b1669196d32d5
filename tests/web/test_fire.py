"""HTTP under fire, by hand: whatever is sent, never a 500, never an answer outside the document, nothing written."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import jwt
import pytest
from flask import Flask, request
from werkzeug.test import TestResponse

from backend.app import create_app
from tests.web.fire import GENERATIONS, JSON, QUOTE, Shot, body, header, path, prompt, query, rows, spend, width
from tests.web.person import Person
from tests.worker.world import World

GOOD = b'{"model": "local/picture", "prompt": "a red fox"}'
LARGE = b'{"model": "local/picture", "prompt": "' + b"x" * 10_000_000 + b'"}'
NONE_TOKEN = jwt.encode({"sub": "11111111-1111-4111-8111-111111111111", "role": "service_role"}, None, "none")

SHOTS = [
    body("nothing", b""),
    body("cut off", b'{"model": "local/pic'),
    body("a list", b"[]"),
    body("a number", b"1"),
    body("null", b"null"),
    body("two objects", GOOD + GOOD),
    body("a name twice", b'{"model": "local/picture", "prompt": "a", "prompt": "b"}'),
    body("single quotes", b"{'model': 'local/picture'}"),
    body("a comment", b"/* */" + GOOD),
    body("invalid UTF-8", b'{"model": "local/picture", "prompt": "\xff\xfe"}'),
    body("overlong UTF-8", b'{"model": "local/picture", "prompt": "\xc0\x80"}'),
    body("UTF-16", GOOD.decode().encode("utf-16")),
    body("gzip", gzip.compress(GOOD), Content_Encoding="gzip"),
    body("nested 500 deep", b'{"model":"local/picture","prompt":"x","params":' + b'{"a":' * 500 + b"1" + b"}" * 501),
    body("nested 100,000 deep", b"[" * 100_000),
    body("10,000 unknown names", json.dumps({f"name{n}": n for n in range(10_000)}).encode()),
    body("unknown field", b'{"model": "local/picture", "prompt": "x", "price": 0}'),
    body("prototype", b'{"model": "local/picture", "prompt": "x", "__proto__": {"admin": true}}'),
    body("somebody else's id", b'{"model": "local/picture", "prompt": "x", "user_id": "1"}'),
    body("unknown param", b'{"model": "local/picture", "prompt": "x", "params": {"credits": 0}}'),
    body("params are text", b'{"model": "local/picture", "prompt": "x", "params": "{}"}'),
    body("a model nobody has", b'{"model": "../../etc/passwd", "prompt": "x"}', 404),
    body("SQL for a model", b'{"model": "x\'; drop table wallets; --", "prompt": "x"}', 404),
    body("a model of 200 characters", b'{"model": "' + b"m" * 200 + b'", "prompt": "x"}'),
    body("10 MB", LARGE, 413),
    body("as text", GOOD, Content_Type="text/plain"),
    body("as a form", b"model=local/picture&prompt=x", Content_Type="application/x-www-form-urlencoded"),
    body("as multipart", GOOD, Content_Type="multipart/form-data; boundary=x"),
    body("as multipart without an end", b"--x\r\n" * 1000, Content_Type="multipart/form-data"),
    body("as XML", b"<model/>", Content_Type="application/xml"),
    body("as rubbish", GOOD, Content_Type="\xff/;;;=,"),
    prompt("empty", b'""'),
    prompt("missing", b'"x", "prompt": null'),
    prompt("a number", b"5"),
    prompt("a list", b'["x"]'),
    prompt("null", b"null"),
    prompt("NUL", b'"a\\u0000b"'),
    prompt("raw NUL", b'"a\x00b"'),
    prompt("half a character", b'"\\ud83d"'),
    prompt("too long for the model", b'"' + b"x" * 90_000 + b'"'),
    prompt("longer than any", b'"' + b"x" * 200_000 + b'"'),
    width("zero", b"0"),
    width("negative", b"-512"),
    width("beyond 64 bits", b"9223372036854775808"),
    width("of 400 digits", b"9" * 400),
    width("of 5,000 digits", b"9" * 5000),
    width("1e400", b"1e400"),
    width("-1e400", b"-1e400"),
    width("1e308", b"1e308"),
    width("NaN", b"NaN"),
    width("Infinity", b"Infinity"),
    width("a fraction", b"512.5"),
    width("text", b'"512"'),
    width("true", b"true"),
    width("null", b"null"),
    width("a list", b"[512]"),
    width("an object", b'{"$gt": 0}'),
    path("NUL", "/%00"),
    path("NUL in an id", f"{GENERATIONS}/%00", 422),
    path("NUL in a file's name", "/docs/files/%00"),
    path("half an escape", "/api/v1/me%"),
    path("no escape", "/api/v1/%zz"),
    path("invalid UTF-8", "/api/v1/%ff%fe"),
    path("encoded slash", "/api%2Fv1%2Fme", 200),  # WSGI knows no other; the guard is that of /api/v1/me
    path("encoded slash in an id", f"{GENERATIONS}/a%2Fb"),
    path("dots", "/api/v1/../../etc/passwd"),
    path("encoded dots", "/docs/files/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
    path("backslashes", "/docs/files/..\\..\\..\\etc\\passwd"),
    path("an absolute file", "/docs/files//etc/passwd"),
    path("parameters", "/api/v1/me;admin=1"),
    path("upper case", "/API/V1/ME"),
    path("slash at the end", "/api/v1/me/"),
    path("100,000 characters", "/api/v1/" + "a" * 100_000),
    path("5,000 folders", "/a" * 5000),
    path("an id of 100,000 digits", f"{GENERATIONS}/" + "1" * 100_000, 422),
    path("an id in braces", f"{GENERATIONS}/{{x}}", 422),
    path("an id from elsewhere", f"{GENERATIONS}/00000000-0000-0000-0000-000000000000"),
    path("template", "/api/v1/{{7*7}}"),
    query("NUL", "limit=%00"),
    query("NUL for a name", "%00=1"),
    query("invalid UTF-8", "before=%ff"),
    query("negative", "limit=-1"),
    query("1e400", "limit=1e400"),
    query("NaN", "limit=NaN"),
    query("400 digits", "limit=" + "9" * 400),
    query("5,000 digits", "limit=" + "9" * 5000),
    query("other digits", "limit=%D9%A3"),
    query("brackets", "limit[]=1"),
    query("unknown", "admin=true"),
    query("SQL", "before=%27%20or%201=1--"),
    query("half an escape", "status=%"),
    query("only separators", "&&&===&;", 422),
    query("100,000 characters", "before=" + "a" * 100_000),
    query("5,000 names", "&".join(f"a{n}=1" for n in range(5000))),
    query("a name twice", "limit=1&limit=2", 200),
    header("no token", ("Authorization", ""), status=401),
    header("two tokens", ("Authorization", "Bearer a"), ("Authorization", "Bearer b"), status=401),
    header("token of rubbish", ("Authorization", "Bearer \xff\xfe"), status=401),
    header("token of dots", ("Authorization", "Bearer ..."), status=401),
    header("token without a signature", ("Authorization", f"Bearer {NONE_TOKEN}"), status=401),
    header("token of 100,000 characters", ("Authorization", "Bearer " + "a." * 50_000), status=401),
    header("other scheme", ("Authorization", "Basic YWRtaW46YWRtaW4="), status=401),
    header("method override", ("X-HTTP-Method-Override", "DELETE"), ("X-HTTP-Method", "DELETE")),
    header("other address", ("X-Original-URL", "/health"), ("X-Rewrite-URL", "/health")),
    header("other host", ("Host", "evil.example.com"), ("X-Forwarded-Host", "evil.example.com")),
    header("host of rubbish", ("Host", 'a b"<>'), status=200),
    header("a hundred headers", *((f"X-Flood-{n}", "x" * 100) for n in range(100))),
    header("64 kB", ("X-Flood", "x" * 65_536)),
    header("request id of 64 kB", ("X-Request-Id", "x" * 65_536)),
    header("cookies of rubbish", ("Cookie", "=;;;\xff=\x01; a" * 100)),
    header("ranges", ("Range", "bytes=0-,0-,0-,0-"), ("If-Range", "x")),
    header("no type is good", ("Accept", "image/png;q=oops")),
    header("length of rubbish", ("Content-Length", "ten")),
    header("negative length", ("Content-Length", "-1")),
    spend("two keys", ("Idempotency-Key", "a"), ("Idempotency-Key", "b")),
    spend("two keys, joined by a server", ("Idempotency-Key", "a,b")),
    spend("empty key", ("Idempotency-Key", "")),
    spend("key of 256 characters", ("Idempotency-Key", "k" * 256)),
    spend("key with invalid UTF-8", ("Idempotency-Key", "\xff")),
    spend("key with a tab", ("Idempotency-Key", "a\tb")),
    *(Shot(f"10 MB to {where}", 413, "POST", where, list(JSON.items()), LARGE) for where in ("/health", "/x", QUOTE)),
    *(Shot(f"10 MB with GET {where}", 413, "GET", where, [], LARGE) for where in ("/ready", "/docs", "/api/v1/me")),
    *(Shot(f"method {method}", 405, method) for method in ("POST", "PUT", "DELETE", "TRACE", "BREW")),
    *(Shot(f"{method} on a list", 405, method, GENERATIONS) for method in ("PUT", "PATCH", "DELETE", "TRACE")),
    *(Shot(f"{method} on the document", 405, method, "/openapi.json") for method in ("POST", "DELETE", "TRACE")),
    Shot("HEAD", 200, "HEAD"),
    Shot("HEAD of nothing", 404, "HEAD", "/nothing"),
    Shot("OPTIONS", 200, "OPTIONS"),
    Shot("OPTIONS of nothing", 404, "OPTIONS", "/nothing"),
    Shot("cancel of nothing", 404, "POST", f"{GENERATIONS}/00000000-0000-0000-0000-000000000000/cancel"),
]


@pytest.fixture(scope="module")
def target(whole_world: World) -> Iterator[tuple[Flask, Person]]:
    """The application, and somebody signed in who could spend."""
    whole_world.clear()
    app = create_app(deps=whole_world.deps)
    person = Person(app, whole_world.new_user())
    assert person.available() == 25
    yield app, person


@pytest.fixture(scope="module")
def document(target: tuple[Flask, Person]) -> dict[str, Any]:
    """The OpenAPI document."""
    served: dict[str, Any] = target[0].test_client().get("/openapi.json").json
    return served


def fire(app: Flask, person: Person, shot: Shot) -> tuple[TestResponse, str]:
    """Send it, signed in unless it brings a token of its own; return the answer and the route as documented."""
    own = [] if any(name == "Authorization" for name, _ in shot.headers) else [("Authorization", person.user.token)]
    headers = [*shot.headers, *((name, f"Bearer {token}") for name, token in own)]
    with app.test_client() as client:
        answer = client.open(shot.path, method=shot.method, headers=headers, data=shot.body)
        rule = request.url_rule.rule.replace("<", "{").replace(">", "}") if request.url_rule else ""
    return answer, rule


def check_documented(answer: TestResponse, rule: str, document: dict[str, Any]) -> None:
    """The status stands in the document when the operation does, and a refusal has the one shape."""
    operation = document["paths"].get(rule, {}).get(answer.request.method.lower())
    if operation:
        assert str(answer.status_code) in operation["responses"], (rule, answer.status_code)
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        schema = {"$ref": "#/components/schemas/ErrorBody", "components": document["components"]}
        jsonschema.validate(answer.json, schema)
        assert answer.json["error"]["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_it_is_answered_as_it_deserves(
    shot: Shot, target: tuple[Flask, Person], document: dict[str, Any], whole_world: World
) -> None:
    """The named status, in the document's shape, with the headers of every answer; and nothing was written."""
    before = rows(whole_world)
    answer, rule = fire(*target, shot)
    assert answer.status_code == shot.status, answer.text[:500]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    check_documented(answer, rule, document)
    assert rows(whole_world) == before


def test_the_counting_of_rows_sees_a_write(target: tuple[Flask, Person], whole_world: World) -> None:
    """The check above can fail: one good request changes the numbers."""
    before = rows(whole_world)
    assert fire(*target, spend("good", status=202))[0].status_code == 202
    changed = {table for table, count in rows(whole_world).items() if count != before[table]}
    assert {"public.generations", "public.credit_reservations"} <= changed


def test_a_foreign_host_gets_into_no_address(target: tuple[Flask, Person]) -> None:
    """Location is a path, so nobody can be led elsewhere by a Host header."""
    answer, _ = fire(*target, spend("good", ("Host", "evil.example.com"), ("X-Forwarded-Host", "evil.example.com")))
    assert answer.status_code == 202
    assert answer.headers["Location"].startswith(f"{GENERATIONS}/")
    assert "evil" not in answer.text


def test_the_head_of_a_read_has_no_body(target: tuple[Flask, Person]) -> None:
    """Its headers are those of the read."""
    answer, _ = fire(*target, Shot("HEAD", 200, "HEAD"))
    assert (answer.data, answer.content_type) == (b"", "application/json")
