"""The least that Flask can answer, to be run by the same gunicorn: what a request costs before we do anything."""

from __future__ import annotations

from flask import Flask

app = Flask(__name__)


@app.get("/hello")
def hello() -> dict[str, str]:
    """Answer a little JSON."""
    return {"hello": "world"}
