"""What every answer says to browsers, and which proxies are believed."""

from __future__ import annotations

import base64
import hashlib

from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from backend.config import Settings

HSTS = "max-age=31536000"
# An answer of the API is data: whatever a browser takes it for, it may load, run and be framed by nothing.
DATA_ONLY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def init_app(app: Flask, settings: Settings) -> None:
    """Give every answer its security headers, and believe as many proxies as the settings name."""
    secure = settings.site_url.startswith("https://")

    def protect(response: Response) -> Response:
        given = response.headers
        given.setdefault("X-Content-Type-Options", "nosniff")
        given.setdefault("X-Frame-Options", "DENY")
        given.setdefault("Referrer-Policy", "no-referrer")
        given.setdefault("Content-Security-Policy", DATA_ONLY)
        given.setdefault("Cache-Control", "no-store")
        if secure:
            given.setdefault("Strict-Transport-Security", HSTS)
        return response

    app.after_request(protect)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]


def page_policy(script: str) -> str:
    """Return the policy of a page of ours with one inline script; all that it loads comes from this server."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"{DATA_ONLY}; script-src 'self' 'sha256-{digest}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self'"
    )
