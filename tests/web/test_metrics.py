"""/metrics: who may read it, what it tells, and what it still tells when a part of the installation is down."""

from __future__ import annotations

import os
import re
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from backend.app import create_app
from tests.patience import LONG
from tests.web.conftest import NOWHERE, settings_for
from tests.web.person import Person
from tests.web.test_gunicorn import gunicorn
from tests.worker.world import World, eventually

NEAR, FAR = {"REMOTE_ADDR": "10.1.2.3"}, {"REMOTE_ADDR": "203.0.113.7"}
EARLIER = """
update generations set created_at = created_at - interval '150 min', started_at = started_at - interval '150 min',
                       finished_at = finished_at - interval '150 min' where id = %s
"""
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: str) -> Samples:
    """Every sample by name and labels; a text that is not in the format does not parse."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels."""
    return sum(
        found for (one, given), found in samples.items() if one == name and labels.items() <= dict(given).items()
    )


def status(app: Flask, environ: dict[str, str], **headers: str) -> int:
    """What a scrape is answered."""
    named = {name.replace("_", "-"): word for name, word in headers.items()}
    return app.test_client().get("/metrics", environ_base=environ, headers=named).status_code


def test_without_a_token_only_the_own_network_may_read() -> None:
    """A proxy that we were not told of hides who asks, so what comes through it is refused."""
    app = create_app(settings_for(NOWHERE))
    assert (
        status(app, {"REMOTE_ADDR": "127.0.0.1"}) == status(app, {"REMOTE_ADDR": "fd12::1"}) == status(app, NEAR) == 200
    )
    assert status(app, FAR) == status(app, {"REMOTE_ADDR": ""}) == 403
    assert status(app, NEAR, X_Forwarded_For="10.0.0.1") == status(app, NEAR, Forwarded="for=10.0.0.1") == 403


def test_a_proxy_of_ours_says_who_asks() -> None:
    """Its own entry counts, not what the caller put before it."""
    app = create_app(settings_for(NOWHERE, TRUSTED_PROXIES="1"))
    assert status(app, NEAR, X_Forwarded_For="203.0.113.7") == 403
    assert status(app, NEAR, X_Forwarded_For="10.0.0.1, 203.0.113.7") == 403
    assert status(app, NEAR, X_Forwarded_For="10.0.0.9") == status(app, NEAR) == 200


def test_with_a_token_the_token_decides_alone() -> None:
    """From anywhere with it, from nowhere without it."""
    app = create_app(settings_for(NOWHERE, METRICS_TOKEN="correct-horse-battery"))
    assert status(app, FAR, Authorization="Bearer correct-horse-battery") == 200
    assert status(app, NEAR) == status(app, NEAR, Authorization="Bearer wrong") == 401
    assert status(app, NEAR, Authorization="Bearer käse") == 401


def test_it_tells_what_happens(world: World, app: Flask, alice: Person) -> None:
    """Requests by template and code, operations by name, queue, open work, and totals of what has ended."""
    before = read(app.test_client().get("/metrics").text)
    done, waiting = (str(alice.started(width=64, height=64)["id"]) for _ in range(2))
    world.run(done)
    for path in ("/api/v1/generations/" + waiting, "/api/v1/generations/" + done, "/no/such/path", "/another/one"):
        alice.get(path)
    world.connection.execute("update private.metric_cursor set counted_until = now() - interval '3 h'")
    world.connection.execute(EARLIER, [done])  # to an hour in which nothing else ended
    world.deps.rpc.as_service().call("collect_metrics")
    after = read(app.test_client().get("/metrics").text)

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("scrip_http_requests_total", route="/api/v1/generations/<generation_id>", status="200") == 2
    assert grown("scrip_http_requests_total", route="(unknown)", status="404") == 2
    assert grown("scrip_http_request_seconds_count", route="/api/v1/generations", method="POST") == 2
    assert grown("scrip_rpc_seconds_count", operation="create_generation", outcome="ok") == 2
    assert grown("scrip_generations_total", model="local/picture", outcome="succeeded") == 1
    assert grown("scrip_generation_queue_seconds_count", batch="no") == 1
    assert grown("scrip_credits_charged_total") == 4
    assert grown("scrip_generations_open", status="queued") == 1
    assert grown("scrip_holds_open") == 1
    assert value(after, "scrip_queue_depth", queue="default") == 2
    assert value(after, "scrip_up", part="database") == value(after, "scrip_up", part="redis") == 1
    assert [labels for (name, labels) in after if name == "scrip_build_info"]


def test_a_part_that_is_down_is_told_and_the_rest_is_served(world: World, alice: Person) -> None:
    """Never a 500: a scrape that fails hides everything at the moment when it is looked for."""
    app = create_app(deps=world.variant(REDIS_URL="redis://127.0.0.1:9/0"))
    with world.supabase.outage("/rest"):
        both = read(app.test_client().get("/metrics").text)
    assert value(both, "scrip_up", part="database") == value(both, "scrip_up", part="redis") == 0
    assert value(both, "scrip_http_requests_total") > 0
    one = read(app.test_client().get("/metrics").text)
    assert (value(one, "scrip_up", part="database"), value(one, "scrip_up", part="redis")) == (1, 0)
    assert not [name for name, _ in one if name.startswith("scrip_queue_")]


@contextmanager
def dripping() -> Iterator[int]:
    """A port that answers one byte at a time and never ends, so that no time-out of a read helps."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                while not over.wait(0.1):
                    connection.sendall(b"+")

        def accept() -> None:
            with suppress(OSError):
                while not over.is_set():
                    threading.Thread(target=drip, args=[server.accept()[0]], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()


def test_parts_that_never_finish_an_answer_do_not_hold_a_scrape_up() -> None:
    """Both hang for as long as this test lasts: without a limit of its own the scrape would never come back."""
    with dripping() as port:
        app = create_app(settings_for(f"http://127.0.0.1:{port}", REDIS_URL=f"redis://127.0.0.1:{port}/0"))
        found = read(app.test_client().get("/metrics", environ_base=NEAR).text)
    assert found["scrip_up", (("part", "database"),)] == found["scrip_up", (("part", "redis"),)] == 0


def test_all_web_processes_count_together_also_those_that_are_gone(world: World, tmp_path: Path) -> None:
    """Whichever of the two answers a scrape, it tells of both; a process that takes a place over goes on counting."""
    log = tmp_path / "log"
    with gunicorn(world, log) as (process, url):
        for _ in range(20):
            httpx.get(f"{url}/no/such/path")
        os.kill(first_worker(log), signal.SIGKILL)
        eventually(lambda: log.read_text().count("Booting worker") == 3)
        for _ in range(20):
            asked_until_answered(f"{url}/no/such/path")
        counts = [
            value(read(httpx.get(f"{url}/metrics").text), "scrip_http_requests_total", route="(unknown)")
            for _ in range(4)
        ]
        assert counts == [40] * 4
        [folder] = [found for found in counting_folders() if found.name.endswith(f"-{process.pid}")]
        assert {file.name for file in folder.iterdir()} <= {
            f"{kind}_{slot}.db" for kind in ("counter", "histogram") for slot in (0, 1)
        }
        process.terminate()
        assert process.wait(LONG) == 0
        assert not folder.exists()


def first_worker(log: Path) -> int:
    """The process id of a web process, as gunicorn says it."""
    return int(re.findall(r"Booting worker with pid: (\d+)", log.read_text())[0])


def asked_until_answered(url: str) -> None:
    """A connection that the killed process had accepted is broken: that is no answer, and nothing was counted."""
    while True:
        with suppress(httpx.TransportError):
            httpx.get(url)
            return


def counting_folders() -> list[Path]:
    """Where the processes of gunicorns count."""
    return [found for place in ("/dev/shm", tempfile.gettempdir()) for found in Path(place).glob("scrip-metrics-*")]
