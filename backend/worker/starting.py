"""How worker and scheduler begin: with settings that are sound, and a log."""

from __future__ import annotations

import sys

from backend.config import ConfigError, Settings, load_settings
from backend.logs import configure_logging


def start() -> Settings:
    """Return the settings and set up the log; say what is wrong with them and end the process, if anything is."""
    try:
        settings = load_settings()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    configure_logging(settings)
    return settings
