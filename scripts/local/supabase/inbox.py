"""Where the stack's mails land, Auth's and Scrip's own: a page to read them, and the JSON of Mailpit for programs."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any

from flask import Flask, Response, abort, jsonify, render_template_string, request

CAPACITY = 500
SENDER = "Admin <admin@email.com>"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Inbox</title>
<meta http-equiv="refresh" content="5">
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem }
article { border-top: 1px solid #ccc; padding: .5rem 0 }
time, .to { color: #555 }
</style></head><body>
<h1>Inbox</h1>
{% for mail in mails %}
<article><h2>{{ mail.subject }}</h2>
<p class="to">to {{ mail.to }}, <time>{{ mail.created.isoformat(timespec="seconds") }}</time></p>
{{ mail.html | safe }}</article>
{% else %}<p>No mail yet. Mails that the local stack sends appear here.</p>{% endfor %}
</body></html>
"""


@dataclass(frozen=True)
class Mail:
    """A mail as it would have gone out."""

    id: str
    to: str
    subject: str
    text: str
    html: str
    created: datetime
    sender: str = SENDER


class Inbox:
    """The last mails, newest first."""

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=CAPACITY)
        self._lock = threading.Lock()

    def deliver(self, to: str, subject: str, text: str, html: str, *, sender: str = SENDER) -> None:
        """Keep a mail."""
        with self._lock:
            self._mails.appendleft(Mail(uuid.uuid4().hex, to, subject, text, html, datetime.now(UTC), sender))

    def mails(self, to: str | None = None) -> list[Mail]:
        """Return the mails, or those to one address."""
        with self._lock:
            return [mail for mail in self._mails if to is None or mail.to == to.lower()]

    def clear(self) -> None:
        """Throw every mail away."""
        with self._lock:
            self._mails.clear()


def create_inbox_app(inbox: Inbox) -> Flask:
    """Return the app of the inbox's own port."""
    app = Flask(__name__)

    @app.get("/")
    def page() -> str:
        return render_template_string(PAGE, mails=inbox.mails())

    @app.get("/api/v1/messages")
    def messages() -> Response:
        return _listed(inbox.mails())

    @app.get("/api/v1/search")
    def search() -> Response:
        return _listed(inbox.mails(request.args.get("query", "").removeprefix("to:").strip('"') or None))

    @app.get("/api/v1/message/<mail_id>")
    def message(mail_id: str) -> Response:
        found = [mail for mail in inbox.mails() if mail_id in (mail.id, "latest")]
        if not found:
            abort(404)
        return jsonify(_summary(found[0]) | {"Text": found[0].text, "HTML": found[0].html})

    @app.delete("/api/v1/messages")
    def clear() -> str:
        inbox.clear()
        return "ok"

    return app


def _listed(mails: list[Mail]) -> Response:
    shown = [_summary(mail) | {"Snippet": mail.text[:250]} for mail in mails]
    return jsonify(total=len(shown), messages_count=len(shown), count=len(shown), start=0, messages=shown)


def _summary(mail: Mail) -> dict[str, Any]:
    return {
        "ID": mail.id,
        "From": dict(zip(("Name", "Address"), parseaddr(mail.sender), strict=True)),
        "To": [{"Name": "", "Address": mail.to}],
        "Subject": mail.subject,
        "Created": mail.created.isoformat(),
        "Size": len(mail.text) + len(mail.html),
    }
