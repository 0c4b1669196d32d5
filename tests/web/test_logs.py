"""Logs: one JSON object per line, ids bound once, and no secret, whoever writes the line."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from backend.config import Settings
from backend.logs import configure_logging
from tests.web.conftest import NOWHERE, settings_for
from tests.web.keyserver import KeyServer

LEGACY = "a-legacy-secret-of-at-least-32-characters"


@pytest.fixture
def settings() -> Settings:
    """Settings that hold every kind of secret."""
    return settings_for(NOWHERE, SUPABASE_JWT_SECRET=LEGACY, REDIS_URL="redis://:opensesame@127.0.0.1:6379/0")


def test_secrets_are_masked_wherever_they_stand(
    settings: Settings, keyserver: KeyServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the event, in a value, in an exception, in a library's line."""
    configure_logging(settings)
    token = keyserver.token()
    secrets = [token, "sb_secret_test", LEGACY, "opensesame", "sk_live_abc123", "whsecretpassword"]
    log = structlog.get_logger("test")
    for secret in secrets[:-1]:
        log.info(secret, value=secret, nested={"deep": [secret]})
        logging.getLogger("library").warning("said %s", secret)
        try:
            raise ValueError(f"Authorization: Bearer {secret}")
        except ValueError:
            log.exception("broke")
    log.info("address", url="postgresql://postgres:whsecretpassword@db/postgres")
    text = capfd.readouterr().err
    assert not [secret for secret in secrets if secret in text]
    assert len([json.loads(line) for line in text.splitlines()]) == 3 * (len(secrets) - 1) + 1


def test_ordinary_lines_are_left_alone(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    """Masking must not eat what we need to read."""
    configure_logging(settings)
    with structlog.contextvars.bound_contextvars(generation_id="g-1", request_id="r-1"):
        structlog.get_logger("test").info("settled", credits=5, url="http://127.0.0.1:54321/rest/v1", mail="a@b.c")
        logging.getLogger("library").warning("hello")
    ours, theirs = (json.loads(line) for line in capfd.readouterr().err.splitlines())
    assert {key: ours[key] for key in ("event", "credits", "url", "mail", "generation_id", "request_id", "level")} == {
        "event": "settled",
        "credits": 5,
        "url": "http://127.0.0.1:54321/rest/v1",
        "mail": "a@b.c",
        "generation_id": "g-1",
        "request_id": "r-1",
        "level": "info",
    }
    assert (theirs["event"], theirs["request_id"]) == ("hello", "r-1")


def test_a_line_break_can_not_forge_a_line(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    """One event, one line, whatever is in it."""
    configure_logging(settings)
    structlog.get_logger("test").info('x\n{"event": "forged"}')
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_quiet_levels_are_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    """LOG_LEVEL is obeyed, and the HTTP client does not narrate."""
    configure_logging(settings_for(NOWHERE, LOG_LEVEL="WARNING"))
    structlog.get_logger("test").info("hidden")
    logging.getLogger("httpx").info("hidden")
    structlog.get_logger("test").warning("shown")
    assert [json.loads(line)["event"] for line in capfd.readouterr().err.splitlines()] == ["shown"]
