"""Run a local Stripe: `python -m scripts.local.stripe --port 12111 --webhook-url http://127.0.0.1:8000/...`."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from pathlib import Path

from scripts.local.stripe.server import running
from scripts.local.stripe.settings import Settings


def main() -> None:
    """Serve until told to stop; keys come from STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET."""
    parser = argparse.ArgumentParser(prog="python -m scripts.local.stripe", description=__doc__)
    parser.add_argument("--port", type=int, default=12111, help="port of API and pages (default: 12111)")
    parser.add_argument("--webhook-url", help="address that is told of events (default: nobody is)")
    parser.add_argument("--file", type=Path, help="where objects are kept (default: in memory alone)")
    options = parser.parse_args()
    settings = Settings(webhook_url=options.webhook_url, file=options.file)
    settings.secret_key = os.environ.get("STRIPE_SECRET_KEY", settings.secret_key)
    settings.webhook_secret = os.environ.get("STRIPE_WEBHOOK_SECRET", settings.webhook_secret)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with running(settings, port=options.port):
        stop.wait()


if __name__ == "__main__":
    main()
