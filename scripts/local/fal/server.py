"""The stand-in behind werkzeug's threaded server, which lets the app hang up on a caller."""

from __future__ import annotations

from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler
from werkzeug.serving import make_server as make_threaded

from scripts.local.fal.app import create_app


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def make_environ(self) -> dict[str, Any]:
        return super().make_environ() | {"fal.socket": self.connection}

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of what went as scripted."""


def make_server(port: int = 0) -> BaseWSGIServer:
    """Return a server on this machine; port 0 is any free one."""
    return make_threaded("127.0.0.1", port, create_app(), threaded=True, request_handler=_Handler)
