"""Which ports the stack listens on: those of the Supabase CLI where it has one, and the next free one when taken."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scripts.local.processes import free_port

DEFAULTS = {"web": 8000, "supabase": 54321, "database": 54322, "mail": 54324, "smtp": 54325, "fal": 54330}
DEFAULTS |= {"stripe": 54340, "redis": 54379}
WHAT = {
    "web": "the API",
    "supabase": "the local Supabase",
    "database": "PostgreSQL",
    "mail": "the mail inbox",
    "smtp": "the way into the inbox (SMTP)",
    "fal": "the stand-in for fal",
    "stripe": "the local Stripe",
    "redis": "Valkey",
}
TRIES = 50


@dataclass(frozen=True)
class Ports:
    """One port for each server."""

    web: int
    supabase: int
    database: int
    mail: int
    smtp: int
    fal: int
    stripe: int
    redis: int


class PortTaken(RuntimeError):
    """A port that was asked for is in use."""


def variable(name: str) -> str:
    """The environment variable that sets a port."""
    return f"SCRIP_{name.upper()}_PORT"


def from_environment(environ: Mapping[str, str] = os.environ) -> dict[str, int]:
    """Ports set through SCRIP_WEB_PORT and its siblings."""
    given = {name: environ[variable(name)] for name in DEFAULTS if environ.get(variable(name))}
    for name, value in given.items():
        if not (value.isdigit() and 0 < int(value) < 65536):
            raise PortTaken(f"{variable(name)}={value} is no port number (1 to 65535).")
    return {name: int(value) for name, value in given.items()}


def choose(asked: Mapping[str, int], tell: Callable[[str], None]) -> Ports:
    """A free port for everything: the one asked for or an error, else the usual one or the next that is free."""
    chosen: dict[str, int] = {}
    for name, usual in DEFAULTS.items():
        taken = set(chosen.values()) | (set(asked.values()) - {asked.get(name)})
        chosen[name] = _asked(name, asked[name]) if name in asked else _next_free(name, usual, taken, tell)
    return Ports(**chosen)


def choose_any() -> Ports:
    """Ports that nobody uses, for a stack beside another."""
    chosen: set[int] = set()
    while len(chosen) < len(DEFAULTS):
        chosen.add(free_port())
    return Ports(**dict(zip(DEFAULTS, chosen, strict=True)))


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    with socket.socket() as probe:  # macOS lets one bind beside a server that listens on all addresses
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _asked(name: str, port: int) -> int:
    if not is_free(port):
        raise PortTaken(
            f"Port {port}, which you asked for {WHAT[name]}, is in use. "
            f"Stop what uses it, or choose another: --{name}-port or {variable(name)}."
        )
    return port


def _next_free(name: str, usual: int, taken: set[int], tell: Callable[[str], None]) -> int:
    for port in range(usual, usual + TRIES):
        if port not in taken and port not in set(DEFAULTS.values()) - {usual} and is_free(port):
            if port != usual:
                tell(f"port {usual} is in use, so {WHAT[name]} listens on {port}")
            return port
    raise PortTaken(f"No free port from {usual} to {usual + TRIES - 1} for {WHAT[name]}: set {variable(name)}.")
