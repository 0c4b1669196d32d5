"""How soon a change of a flag counts: in two processes of one server, in a server of its own, and past all of them."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from flask import Flask

from backend.rpc.credits import reserve_credits
from backend.web.flags import SECONDS
from tests.web.person import Person
from tests.web.test_adjustments import staff
from tests.web.test_flags import ARCHIVE, URL, WHY, as_they_were
from tests.web.test_gunicorn import gunicorn
from tests.worker.world import World

PROMISED = 5.0
Closed = Callable[[], bool]


@pytest.fixture
def ada(app: Flask, world: World) -> Iterator[Person]:
    """An admin; what she changed is as it was afterwards."""
    yield staff(app, world, "admin")
    as_they_were(world)


def until_all(places: list[Closed], closed: bool) -> float:
    """Look at every place for longer than was promised, and say after how many seconds all of them stayed so."""
    started, last = time.monotonic(), 0.0
    while time.monotonic() < started + PROMISED:
        if any(place() is not closed for place in places):
            last = time.monotonic() - started
        time.sleep(0.02)
    return last


def test_a_flag_turned_off_stops_the_next_request_in_every_process_within_5_seconds(
    world: World, tmp_path: Path, ada: Person
) -> None:
    """And on again. Two servers of two processes each, fresh connections, and PostgREST asked directly."""
    user = world.new_user()
    reserve_credits(user.caller, amount=25, idempotency_key="all of them")
    signed_in = {"Authorization": f"Bearer {user.token}", "apikey": world.keys.publishable_key}

    def place(url: str, body: dict[str, object]) -> Closed:
        def closed() -> bool:
            with httpx.Client() as http:  # a connection of its own, so that any process of the server may get it
                status = http.post(url, json=body, headers=signed_in).status_code
            assert status in (402, 403, 404), status  # no credits; closed; no such batch
            return status == 403

        return closed

    wish = {"model": "local/picture", "prompt": "a fox"}
    asked = {"p_model_id": "local/picture", "p_prompt": "a fox", "p_params": {}, "p_idempotency_key": uuid.uuid4().hex}
    directly = place(f"{world.supabase.url}/rest/v1/rpc/create_generation", asked)
    with gunicorn(world, tmp_path / "1") as (_, one), gunicorn(world, tmp_path / "2") as (_, other):
        in_sql = [directly, *(place(f"{url}/api/v1/generations", wish) for url in (one, other))]
        views = [place(f"{url}{ARCHIVE}", {}) for url in (one, one, other, other)]
        for enabled in (False, True):
            time.sleep(SECONDS)
            assert {ask() for ask in views} == {enabled}, "the worst case: all of them have just asked"
            for key in ("image_processing", "generations"):
                ada.ask("PATCH", f"{URL}/{key}", json={"enabled": enabled, **WHY})
            assert {ask() for ask in in_sql} == {not enabled}, "the database asks by itself: at once"
            took = until_all(in_sql + views, not enabled)
            sys.stdout.write(f"switched {'on' if enabled else 'off'} everywhere after {took:.2f} s\n")
            assert 0.5 < took < PROMISED, "they do remember for a moment"
