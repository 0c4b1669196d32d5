#!/usr/bin/env python3
"""Moves system prompts between environments, and takes out what they repeat. The page for people is docs/prompts.md."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

try:
    from scripts.prompt_tools.command import main
except ModuleNotFoundError as error:
    sys.exit(
        f"{error.name} is not installed here: use .venv/bin/python scripts/prompts.py (scripts/start makes .venv)."
    )

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
