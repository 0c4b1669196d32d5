"""The application with priced routes, for a real gunicorn. SHOP_DIR is where it leaves notes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response

from backend.app import create_app
from backend.web.auth import user
from backend.web.charges import consume_credits

NOTES = Path(os.environ["SHOP_DIR"])
PIECE = b"x" * 65_536


def slow() -> dict[str, Any]:
    """Work until the test lets go."""
    (NOTES / "started").write_text(str(os.getpid()))
    _wait_for("go")
    return {"done": True}


def stream() -> Response:
    """Say a little, wait until the test lets go, then say more."""
    return Response(_pieces())


def _pieces() -> Iterator[bytes]:
    (NOTES / "started").write_text(str(os.getpid()))
    yield PIECE
    _wait_for("go")
    for _ in range(20):
        yield PIECE


def _wait_for(name: str) -> None:
    until = time.monotonic() + 20
    while not (NOTES / name).exists():
        if time.monotonic() > until:
            raise TimeoutError(name)
        time.sleep(0.02)


def _app() -> Flask:
    app = create_app()
    bp = Blueprint("stall", __name__)
    bp.add_url_rule("/slow", view_func=consume_credits(5, "slow", hold_seconds=3)(slow), methods=["POST"])
    bp.add_url_rule("/stream", view_func=consume_credits(5, "stream")(stream), methods=["POST"])
    app.before_request_funcs["stall"] = [user]
    app.register_blueprint(bp)
    return app


app = _app()
