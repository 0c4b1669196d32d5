"""What every answer says to browsers."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from backend.app import create_app
from tests.web.conftest import NOWHERE, settings_for

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EVERYWHERE = ["/health", "/ready", "/docs", "/docs/files/css/swagger-ui.css", "/openapi.json", "/api/v1/me", "/nothing"]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_is_guarded(client: FlaskClient, path: str) -> None:
    """Not guessed at, not framed, not told about elsewhere, whatever its status."""
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert len(headers.getlist("Content-Security-Policy")) == 1


@pytest.mark.parametrize("path", ["/health", "/ready", "/api/v1/me", "/api/v1/credits/balance", "/nothing"])
def test_answers_are_kept_nowhere(client: FlaskClient, path: str) -> None:
    """Neither by a proxy nor by the next user of a browser."""
    assert client.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("site", "told"), [("https://app.example.com", "max-age=31536000"), ("http://127.0.0.1:3000", None)]
)
def test_browsers_stay_with_https_where_there_is_https(site: str, told: str | None) -> None:
    """On a developer's machine they would be locked out for a year."""
    real = {"TESTING_MODE": "0", "SITE_URL": site}
    client = create_app(settings_for(NOWHERE, **real)).test_client()
    assert client.get("/health").headers.get("Strict-Transport-Security") == told


def test_the_page_allows_no_script_but_its_own(client: FlaskClient) -> None:
    """Inline styles are needed by Swagger UI; inline scripts are not allowed, save the one whose hash is named."""
    policy = client.get("/docs").headers["Content-Security-Policy"]
    (scripts,) = [part for part in policy.split("; ") if part.startswith("script-src")]
    assert "unsafe" not in scripts
    assert "'sha256-" in scripts
    assert "://" not in policy


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine to show the page to")
def test_swagger_ui_works_under_its_policy(tmp_path: Path) -> None:
    """A real browser shows every operation and complains about nothing."""
    server = make_server("127.0.0.1", 0, create_app(settings_for(NOWHERE)), threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--enable-logging=stderr"]
    url = f"http://127.0.0.1:{server.server_port}/docs"
    try:
        shown = subprocess.run(
            [str(CHROMIUM), *flags, "--virtual-time-budget=5000", "--dump-dom", url],
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        server.shutdown()
    assert "generations_create" in shown.stdout
    assert "CONSOLE" not in shown.stderr
