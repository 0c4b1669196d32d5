#!/usr/bin/env python3
"""Says what is wrong with an environment, before users do. The page for people is docs/doctor.md."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

try:
    from scripts.diagnosis.command import main
except ModuleNotFoundError as error:
    sys.exit(f"{error.name} is not installed here: use .venv/bin/python scripts/doctor.py (scripts/start makes .venv).")

__all__ = ["main"]

if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Stopped. Nothing was changed.")
