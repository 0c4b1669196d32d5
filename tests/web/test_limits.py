"""Rate limits: by user, by address and by route, in Redis or without it, and whose address is believed."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
import redis
from flask.testing import FlaskClient

from backend.app import create_app
from backend.web import health
from scripts.local.valkey import Valkey
from tests.patience import within
from tests.web.conftest import NOWHERE, Whoami, settings_for
from tests.web.keyserver import KeyServer
from tests.web.test_errors import check_shape
from tests.worker.world import eventually

ME, QUOTE, MODELS = "/api/v1/me", "/api/v1/generations/quote", "/api/v1/generations/models/supported"
CANCEL = "/api/v1/generations/17/cancel"
OTHER = "22222222-2222-4222-8222-222222222222"


def anonymous(**settings: str) -> FlaskClient:
    """Return a client of an app whose platform is away."""
    return create_app(settings_for(NOWHERE, **settings)).test_client()


def statuses(client: FlaskClient, path: str, *, times: int, method: str = "GET", **headers: str) -> list[int]:
    """Ask some times in a row."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [client.open(path, method=method, headers=named).status_code for _ in range(times)]


def test_a_user_has_one_limit_over_all_routes(keyserver: KeyServer, whoami: Whoami) -> None:
    """Counted by the verified user, so another one at the same address is not concerned."""
    client = whoami(RATE_LIMIT_DEFAULT="3/minute")
    hers, his = (f"Bearer {keyserver.token(**claims)}" for claims in ({}, {"sub": OTHER}))
    asked = [
        client.get(path, headers={"Authorization": hers}) for path in ("/api/v1/generations/1", "/api/v1/generations/2")
    ]
    assert [answer.status_code for answer in asked] == [422, 422]
    assert statuses(client, "/api/v1/generations?limit=0", times=2, Authorization=hers) == [422, 429]
    assert statuses(client, "/api/v1/generations?limit=0", times=2, Authorization=his) == [422, 422]


def test_a_new_token_of_the_same_user_is_the_same_user(keyserver: KeyServer, whoami: Whoami) -> None:
    """Signing in again buys nothing."""
    client = whoami(RATE_LIMIT_DEFAULT="2/minute")
    tokens = [f"Bearer {keyserver.token()}" for _ in range(3)]
    found = [client.get("/api/v1/generations/1", headers={"Authorization": token}).status_code for token in tokens]
    assert found == [422, 422, 429]


def test_each_route_that_is_not_a_read_has_its_own_limit(keyserver: KeyServer, whoami: Whoami) -> None:
    """A user who may not quote for a moment can still cancel and look."""
    client = whoami(RATE_LIMIT_WRITE="2/minute")
    token = f"Bearer {keyserver.token()}"
    assert statuses(client, QUOTE, method="POST", times=3, Authorization=token) == [422, 422, 429]
    assert statuses(client, CANCEL, method="POST", times=3, Authorization=token) == [422, 422, 429]
    assert statuses(client, "/api/v1/generations/17", times=4, Authorization=token) == [422] * 4


def test_who_is_not_signed_in_is_counted_by_address() -> None:
    """Public routes, whatever they answer."""
    client = anonymous(RATE_LIMIT_PUBLIC="2/minute")
    assert statuses(client, MODELS, times=3) == [503, 503, 429]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer guess", "Basic YTpi"])
def test_failed_sign_ins_are_counted_by_address(authorization: str) -> None:
    """Guessing ends with 429, in whatever form it comes."""
    client = anonymous(RATE_LIMIT_PUBLIC="2/minute")
    assert statuses(client, ME, times=3, Authorization=authorization) == [401, 401, 429]


def test_failed_sign_ins_of_a_neighbour_lock_nobody_out(keyserver: KeyServer, whoami: Whoami) -> None:
    """An office has one address; whose token is good goes on working."""
    client = whoami(RATE_LIMIT_PUBLIC="2/minute")
    assert statuses(client, "/api/v1/generations/1", times=3, Authorization="Bearer x") == [401, 401, 429]
    good = f"Bearer {keyserver.token()}"
    assert statuses(client, "/api/v1/generations/1", times=2, Authorization=good) == [422, 422]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/wp-login.php", 404), ("DELETE", ME, 405)])
def test_what_leads_nowhere_is_counted_by_address(method: str, path: str, status: int) -> None:
    """So that trying every address that there is ends too."""
    client = anonymous(RATE_LIMIT_PUBLIC="2/minute")
    assert statuses(client, path, method=method, times=3) == [status, status, 429]


@pytest.mark.parametrize(("path", "status"), [("/health", 200), ("/ready", 503)])
def test_probes_are_not_limited(path: str, status: int) -> None:
    """A platform that is told 429 would restart what is healthy."""
    client = anonymous(RATE_LIMIT_PUBLIC="1/minute")
    assert statuses(client, path, times=3) == [status] * 3
    assert "RateLimit-Limit" not in client.get(path).headers


def test_preflights_are_not_counted() -> None:
    """A browser sends them on its own."""
    client = anonymous(RATE_LIMIT_PUBLIC="1/minute", CORS_ORIGINS="https://a.example.com")
    headers = {"Origin": "https://a.example.com", "Access-Control-Request-Method": "POST"}
    assert statuses(client, MODELS, method="OPTIONS", times=3, **headers) == [200] * 3
    assert statuses(client, MODELS, times=2) == [503, 429]


def test_the_refusal_says_when_to_come_back() -> None:
    """The one shape, Retry-After, the standard headers; and after that time the whole limit is there again."""
    client = anonymous(RATE_LIMIT_PUBLIC="2/2 second")
    first, second, third = (client.get(ME) for _ in range(3))
    assert [answer.headers["RateLimit-Remaining"] for answer in (first, second, third)] == ["1", "0", "0"]
    assert {answer.headers["RateLimit-Limit"] for answer in (first, second, third)} == {"2"}
    assert "Retry-After" not in second.headers
    error = check_shape(third, 429, "rate_limited")
    wait = int(third.headers["Retry-After"])
    assert (error["details"], third.headers["RateLimit-Reset"]) == (
        {"retry_after": wait, "limit": "2 per 2 second"},
        str(wait),
    )
    assert 1 <= wait <= 3
    time.sleep(wait)
    assert statuses(client, ME, times=3) == [401, 401, 429]


def test_several_limits_hold_together() -> None:
    """The tightest one speaks."""
    client = anonymous(RATE_LIMIT_PUBLIC="100/minute;2/hour")
    assert statuses(client, ME, times=3) == [401, 401, 429]


def test_processes_count_together(redis_url: str) -> None:
    """Redis holds the numbers, for a while, and nothing that is secret."""
    one, other = (anonymous(RATE_LIMIT_PUBLIC="2/minute", REDIS_URL=redis_url) for _ in range(2))
    assert statuses(one, ME, times=1) + statuses(other, ME, times=2) == [401, 401, 429]
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        keys = list(client.scan_iter("*"))
        assert len(keys) == 1
        assert "127.0.0.1" in keys[0]
        assert 0 < client.ttl(keys[0]) <= 60


def test_a_write_is_counted_by_one_command(keyserver: KeyServer, whoami: Whoami, redis_url: str) -> None:
    """Of the user and of the route, with the end of both windows; the answer tells of the limit that is met first."""
    client = whoami(REDIS_URL=redis_url, RATE_LIMIT_DEFAULT="50/hour;9/minute", RATE_LIMIT_WRITE="3/minute")
    token = f"Bearer {keyserver.token()}"
    assert statuses(client, QUOTE, method="POST", times=1, Authorization=token) == [422]
    with redis.Redis.from_url(redis_url, decode_responses=True) as valkey:
        before = valkey.info("commandstats")["cmdstat_evalsha"]["calls"]
        answer = client.post(QUOTE, headers={"Authorization": token})
        assert valkey.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 1
        left = sorted(valkey.ttl(key) for key in valkey.scan_iter("*"))
        assert (len(left), left[1] <= 60 < left[2]) == (3, True)
    assert (answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"]) == ("3", "1")


def test_redis_may_die_and_come_back() -> None:
    """Limits go on in the process meanwhile, and return to Redis by themselves."""
    with Valkey() as valkey:
        client = anonymous(RATE_LIMIT_PUBLIC="3/minute", REDIS_URL=valkey.url)
        assert statuses(client, ME, times=1) == [401]
        valkey.kill()
        assert statuses(client, ME, times=4) == [401, 401, 401, 429]
        valkey.start()
        with redis.Redis.from_url(valkey.url) as there:
            there.flushall()
            eventually(lambda: client.get(ME) and there.dbsize())


@pytest.fixture
def silent() -> Iterator[str]:
    """URL of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_a_redis_that_hangs_makes_nobody_wait(silent: str) -> None:
    """One request finds out, the next ones don't ask."""
    client = anonymous(RATE_LIMIT_PUBLIC="50/minute", REDIS_URL=silent)
    before = time.perf_counter()
    assert statuses(client, ME, times=20) == [401] * 20
    assert time.perf_counter() - before < within(2)


def from_proxy(client: FlaskClient, forwarded: str | None, *, peer: str = "10.0.0.1") -> int:
    """Ask as somebody behind proxies would."""
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client.get(ME, headers=headers, environ_base={"REMOTE_ADDR": peer}).status_code


@pytest.mark.parametrize(
    ("hops", "asked", "expected"),
    [
        ("0", ["1.1.1.1", "2.2.2.2", None], [401, 401, 429]),
        ("1", ["1.1.1.1", "2.2.2.2", "3.3.3.3"], [401, 401, 401]),
        ("1", ["9.9.9.1, 1.1.1.1", "9.9.9.2, 1.1.1.1", "9.9.9.3,1.1.1.1"], [401, 401, 429]),
        ("2", ["1.1.1.1, 10.0.0.2", "2.2.2.2, 10.0.0.2", "3.3.3.3, 10.0.0.2"], [401, 401, 401]),
        ("2", ["9.9.9.1, 1.1.1.1, 10.0.0.2", "9.9.9.2, 1.1.1.1, 10.0.0.2", "1.1.1.1, 10.0.0.2"], [401, 401, 429]),
        ("2", ["1.1.1.1", "2.2.2.2", "3.3.3.3"], [401, 401, 429]),
        ("1", ["1.1.1.1:50001", "1.1.1.1:50002", "1.1.1.1"], [401, 401, 429]),
        ("1", ["2001:db8::1", "2001:db8::ffff", "[2001:db8:0:0:1::2]:443"], [401, 401, 429]),
        ("1", ["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1"], [401, 401, 401]),
        ("1", ["rubbish", "more rubbish", "\xff"], [401, 401, 429]),
    ],
    ids=[
        "ignored unless configured",
        "one proxy tells people apart",
        "what a caller adds in front is not believed",
        "two proxies tell people apart",
        "nor in front of two",
        "fewer entries than proxies: the peer counts",
        "ports do not make new people",
        "an IPv6 network is one address",
        "other IPv6 networks are others",
        "what is no address is nobody in particular",
    ],
)
def test_a_forwarded_address_is_believed_as_far_as_configured(
    hops: str, asked: list[str | None], expected: list[int]
) -> None:
    """TRUSTED_PROXIES is the number of proxies of ours, counted from the right."""
    client = anonymous(RATE_LIMIT_PUBLIC="2/minute", TRUSTED_PROXIES=hops)
    assert [from_proxy(client, forwarded) for forwarded in asked] == expected


def test_the_document_tells_which_routes_are_limited(client: FlaskClient) -> None:
    """All but health's; /metrics and webhooks count what they refuse. The size of a body is limited everywhere."""
    for path, item in client.get("/openapi.json").json["paths"].items():
        for operation in item.values():
            unlimited = operation["operationId"].startswith(f"{health.bp.name}_")
            assert ("429" in operation["responses"]) != unlimited, path
            assert "413" in operation["responses"], path


def test_pages_may_read_the_headers() -> None:
    """A browser hides from scripts what is not listed."""
    client = anonymous(CORS_ORIGINS="https://a.example.com")
    exposed = client.get(ME, headers={"Origin": "https://a.example.com"}).headers["Access-Control-Expose-Headers"]
    assert {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"} <= set(exposed.split(", "))
