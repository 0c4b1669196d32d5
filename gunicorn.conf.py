"""gunicorn settings: `gunicorn wsgi:app` needs no others."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http import wsgi

from backend import metrics
from backend.config import ConfigError, load_settings
from backend.logs import configure_logging

try:
    settings = load_settings()
except ConfigError as error:
    sys.exit(str(error))  # said once, here, instead of by every worker in turn


class JsonLogger(Logger):
    """gunicorn's own lines, written like ours."""

    def setup(self, cfg: Any) -> None:
        """Hand what gunicorn says to our handler."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        configure_logging(settings)


# A container's port must be reachable from outside it; what runs with test wallets must not be.
bind = f"{'127.0.0.1' if settings.testing_mode else '0.0.0.0'}:{settings.port}"  # noqa: S104
workers = settings.web_concurrency
worker_class = "gthread"
threads = 16  # a request mostly waits for the database
keepalive = 20
timeout = 60
graceful_timeout = 30
max_requests, max_requests_jitter = 20_000, 2_000
# The heartbeat file: on a disk a slow write can look like a hung worker.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# Every worker builds its own connections; preloading would share the parent's.
preload_app = False
forwarded_allow_ips = ""  # TRUSTED_PROXIES alone says who is believed
logger_class = JsonLogger
control_socket_disable = True  # it would be one file for all gunicorns of an account
accesslog = None  # the app writes one line per request, with ids
wsgi.SERVER = "scrip"  # callers need not know whose bugs to try

# The processes count together in files of this directory (see backend/metrics.py). Named after the master, so that it
# stays the same when the settings are read again.
_counts = Path(worker_tmp_dir or tempfile.gettempdir()) / f"scrip-metrics-{os.getpid()}"
raw_env = [f"PROMETHEUS_MULTIPROC_DIR={_counts}"]


def on_starting(server: Any) -> None:
    """Begin to count from nothing."""
    shutil.rmtree(_counts, ignore_errors=True)
    _counts.mkdir(mode=0o700)


def on_exit(server: Any) -> None:
    """Leave nothing behind."""
    shutil.rmtree(_counts, ignore_errors=True)


def pre_fork(server: Any, worker: Any) -> None:
    """Give the new process the lowest place that no running one has."""
    taken = {other.slot for other in server.WORKERS.values()}
    worker.slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)


def post_fork(server: Any, worker: Any) -> None:
    """Count in this place's files, going on where the process before it stopped."""
    metrics.share(_counts, worker.slot)
