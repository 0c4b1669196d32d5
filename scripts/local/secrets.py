"""Secrets of a local stack: random, made once, kept in its data folder for nobody else to read."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path


def load_password(path: Path) -> str:
    """The password kept in a file, made up on first use."""
    if not path.exists():
        write_private(path, secrets.token_hex(16))
    return path.read_text()


def load_signing_key(path: Path) -> str:
    """The key that signs checkpoints of the ledger, as base64; made up on first use, then the same for ever."""
    if not path.exists():
        write_private(path, base64.b64encode(secrets.token_bytes(32)).decode())
    return path.read_text()


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
