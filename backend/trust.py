"""Whom our HTTP clients trust: the certificates, read once per program and inherited by its forked children.

Reading them takes most of the time that a client takes to build, and every work horse builds some.
"""

from __future__ import annotations

import httpx

TRUSTED = httpx.create_ssl_context()
