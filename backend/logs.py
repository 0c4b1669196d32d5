"""JSON log lines with request, user and generation ids; secrets and tokens are masked before a line is written."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from structlog.typing import Processor

from backend import sentry
from backend.config import Settings

MASK = "***"
# Bearer tokens and JWTs, the platform's secret keys, and passwords inside addresses.
_SECRETS = re.compile(
    r"(?i:bearer\s+)[\w.~+/=-]+|eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|sb_secret_[\w-]+|\b[sr]k_(?:live|test)_\w+|(?<=://)[^/\s@\"]+(?=@)"
)
_QUIET = ("httpx", "httpcore", "urllib3", "hpack")


def configure_logging(settings: Settings) -> None:
    """Send every log line of this process, ours and the libraries', to stderr as masked JSON, and bugs to Sentry."""
    sentry.configure(settings)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        sentry.report,
        structlog.processors.format_exc_info,
    ]
    render: list[Processor] = [structlog.processors.JSONRenderer(), Masker(settings)]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class Masker:
    """The last step of a log line: whatever looks like a secret, or is one of ours, becomes ***."""

    def __init__(self, settings: Settings) -> None:
        known = [settings.secret_key, settings.jwt_secret, settings.metrics_token, settings.sentry_dsn]
        literals = [secret.get_secret_value() for secret in known if secret]
        password = urlsplit(settings.redis_url).password
        self._literals = [literal for literal in [*literals, password or ""] if len(literal) > 5]

    def __call__(self, _logger: Any, _name: str, line: MutableMapping[str, Any] | str) -> str:
        text = str(line)
        for literal in self._literals:
            text = text.replace(literal, MASK)
        return _SECRETS.sub(MASK, text)
