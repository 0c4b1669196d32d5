#!/usr/bin/env python3
"""The migrations of Scrip's database: up, status, ship, check, down. The page for people is docs/migrations.md."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

try:
    from scripts.migrations.command import main
    from scripts.migrations.up import Options, Result
    from scripts.migrations.up import run as up
except ModuleNotFoundError as error:
    sys.exit(
        f"{error.name} is not installed here: use .venv/bin/python scripts/migrate.py (scripts/start makes .venv)."
    )

__all__ = ["Options", "Result", "main", "up"]

if __name__ == "__main__":
    sys.exit(main())
