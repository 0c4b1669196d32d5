"""The local Stripe on a real port, in threads of this process: for tests, and for what scripts/start runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from werkzeug.serving import WSGIRequestHandler, make_server

from scripts.local.stripe import renewals
from scripts.local.stripe.app import App
from scripts.local.stripe.control import Control
from scripts.local.stripe.settings import Settings
from scripts.local.stripe.state import State
from scripts.local.stripe.webhooks import Sender

TICK_SECONDS = 1.0


@dataclass(frozen=True)
class Running:
    """A Stripe that answers."""

    url: str
    state: State
    control: Control
    webhooks: Sender


@contextmanager
def running(settings: Settings | None = None, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[Running]:
    """Serve a local Stripe; with port 0 on a free one."""
    state = State(settings)
    sender = Sender(state)
    app = App(state, sender)
    server = make_server(host, port, app, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]
    state.settings.url = f"http://{host}:{server.server_port}"
    stopping = threading.Event()
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}),
        threading.Thread(target=_tick, args=(state, stopping)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield Running(state.settings.url, state, app.control, sender)
    finally:
        stopping.set()
        server.shutdown()
        for thread in threads:
            thread.join()
        server.server_close()
        sender.close()
        state.close()


def _tick(state: State, stopping: threading.Event) -> None:
    while not stopping.wait(TICK_SECONDS):
        with state.lock:
            renewals.tick(state)
            state.write()


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing about requests that were answered."""
