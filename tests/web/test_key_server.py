"""The project's public keys: fetched rarely, waited for together, and kept while the key server is away."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.web.conftest import Whoami
from tests.web.keyserver import KeyServer
from tests.web.test_tokens import LEGACY, ask


def test_the_keys_are_fetched_once(keyserver: KeyServer, whoami: Whoami) -> None:
    """Verification is local."""
    client = whoami()
    assert [ask(client, keyserver.token()).status_code for _ in range(20)] == [200] * 20
    assert keyserver.fetches == 1


def test_the_first_requests_wait_for_the_keys_together(keyserver: KeyServer, whoami: Whoami) -> None:
    """A fresh process under load: one look, nobody is turned away meanwhile."""
    keyserver.delay = 0.2
    client, token = whoami(), keyserver.token()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(client.application.test_client(), token), range(16)))
    assert [answer.status_code for answer in answers] == [200] * 16
    assert keyserver.fetches == 1


def test_a_refresh_holds_nobody_up(keyserver: KeyServer, whoami: Whoami) -> None:
    """While one request looks for newer keys, the others go on with those that are there."""
    client, token = whoami(lifespan=0.05, cooldown=0.05), keyserver.token()
    assert ask(client, token).status_code == 200
    keyserver.delay = 0.5
    time.sleep(0.06)
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        waits = list(
            pool.map(lambda _: (ask(client.application.test_client(), token), time.monotonic() - started), range(8))
        )
    assert sum(waited > 0.4 for _, waited in waits) == 1


def test_unknown_key_ids_do_not_make_us_hammer_the_key_server(keyserver: KeyServer, whoami: Whoami) -> None:
    """Anyone can send an unknown id; it costs at most one look per cool-down."""
    client = whoami()
    keyserver.add("elsewhere")
    token = keyserver.token("elsewhere")
    del keyserver.private["elsewhere"]
    assert [ask(client, token).status_code for _ in range(10)] == [401] * 10
    assert keyserver.fetches == 1


def test_a_rotated_key_is_found(keyserver: KeyServer, whoami: Whoami) -> None:
    """A new key id is looked up once the cool-down has passed; the old one keeps working while it is listed."""
    client = whoami(cooldown=0.05)
    assert ask(client, keyserver.token()).status_code == 200
    keyserver.add("next")
    time.sleep(0.06)
    assert ask(client, keyserver.token("next")).status_code == 200
    assert ask(client, keyserver.token("first")).status_code == 200


def test_key_server_down_the_first_time_is_503(keyserver: KeyServer, whoami: Whoami) -> None:
    """Nobody can tell whether the token is good; that is not the user's fault. It heals by itself."""
    client = whoami(cooldown=0.05)
    keyserver.down = True
    answer = ask(client, keyserver.token())
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    keyserver.down = False
    time.sleep(0.06)
    assert ask(client, keyserver.token()).status_code == 200


def test_an_outage_does_not_make_every_request_wait(keyserver: KeyServer, whoami: Whoami) -> None:
    """After a failed look the next requests are answered at once."""
    client = whoami()
    keyserver.down = True
    assert [ask(client, keyserver.token()).status_code for _ in range(10)] == [503] * 10
    assert keyserver.fetches == 1


def test_key_server_down_later_keeps_the_last_good_keys(keyserver: KeyServer, whoami: Whoami) -> None:
    """Known keys go on working; an unknown id can't be judged and is 503, not 401."""
    client = whoami(lifespan=0.05, cooldown=0.05)
    assert ask(client, keyserver.token()).status_code == 200
    keyserver.add("next")
    keyserver.down = True
    time.sleep(0.06)
    assert ask(client, keyserver.token("first")).status_code == 200
    assert ask(client, keyserver.token("next")).status_code == 503
    keyserver.down = False
    time.sleep(0.06)
    assert ask(client, keyserver.token("next")).status_code == 200


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b'{"keys": 1}', b"\xff"])
def test_a_key_server_that_answers_nonsense_is_an_outage(keyserver: KeyServer, whoami: Whoami, body: bytes) -> None:
    """A proxy's error page must not let anyone in, lock anyone out, or break."""
    keyserver.body = body
    assert ask(whoami(), keyserver.token()).status_code in (401, 503)
    keyserver.body = None
    client = whoami(lifespan=0.05, cooldown=0.05)
    assert ask(client, keyserver.token()).status_code == 200
    keyserver.body = body
    time.sleep(0.06)
    assert ask(client, keyserver.token()).status_code == 200


def test_a_project_without_public_keys_refuses_tokens_it_can_not_know(keyserver: KeyServer, whoami: Whoami) -> None:
    """A legacy project lists no keys: 401, since the key server did answer."""
    keyserver.body = b'{"keys": []}'
    assert ask(whoami(SUPABASE_JWT_SECRET=LEGACY), keyserver.token()).status_code == 401
