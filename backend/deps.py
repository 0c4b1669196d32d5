"""What a process needs, built once and lazily, and anew after a fork."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
from redis import Redis

from backend.clients.hook import Hook
from backend.clients.mail import Mailer
from backend.clients.providers import Provider, build_providers
from backend.clients.storage import Storage
from backend.clients.stripe import Stripe
from backend.config import Settings
from backend.control import Control
from backend.counters import Counters
from backend.queue import Queue
from backend.queue import connect as connect_redis
from backend.rpc.client import Rpc, connect
from backend.shared import Shared
from backend.signals import LONGEST_WAIT, Signals

T = TypeVar("T")


class Deps:
    """The outside world as this process reaches it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._made: dict[tuple[int, str], Any] = {}

    def _once(self, name: str, make: Callable[[], T]) -> T:
        # Keyed by pid, because a connection must not be shared with a forked child. No lock, because one that was
        # held during a fork stays locked in the child; of two threads that race, setdefault keeps the first.
        key = (os.getpid(), name)
        found: T = self._made[key] if key in self._made else self._made.setdefault(key, make())
        return found

    @property
    def http(self) -> httpx.Client:
        """Return the HTTP client towards the platform."""
        return self._once("http", lambda: connect(self.settings))

    @property
    def rpc(self) -> Rpc:
        """Return the way to the database."""
        return self._once("rpc", lambda: Rpc(self.settings, self.http))

    @property
    def probe(self) -> Rpc:
        """Return an impatient way to the database, for asking whether it is there."""
        return self._once("probe", lambda: Rpc(self.settings, connect(self.settings, seconds=2)))

    @property
    def redis(self) -> Redis:
        """Return the connection to Redis; short time-outs, since the queue is only a hint."""
        return self._once("redis", lambda: connect_redis(self.settings.redis_url))

    @property
    def counters(self) -> Counters:
        """Return the counters of requests: impatient, as every request waits for them."""
        return self._once("counters", lambda: Counters(connect_redis(self.settings.redis_url, seconds=0.25)))

    @property
    def queue(self) -> Queue:
        """Return the queue towards the workers."""
        return self._once("queue", lambda: Queue(self.redis))

    @property
    def control(self) -> Control:
        """Return the way to look at the queue and to steer it; impatient, as somebody waits for the answer."""
        return self._once("control", lambda: Control(self.redis))

    @property
    def storage(self) -> Storage:
        """Return the storage of pictures and other outputs."""
        return self._once("storage", lambda: Storage(self.settings, self.http))

    @property
    def providers(self) -> dict[str, Provider]:
        """Return the AI providers by name."""
        return self._once("providers", lambda: build_providers(self.settings, Shared(self.redis).run))

    @property
    def signals(self) -> Signals:
        """Return the way to wake a process that waits."""
        patient = LONGEST_WAIT + 2
        return self._once(
            "signals", lambda: Signals(self.redis, connect_redis(self.settings.redis_url, seconds=patient))
        )

    @property
    def stripe(self) -> Stripe:
        """Return the way to Stripe, which says so when it is not set up."""
        return self._once("stripe", lambda: Stripe(self.settings))

    @property
    def mailer(self) -> Mailer | None:
        """Return the way to send mail; None when SMTP_URL is not set."""
        url, sender = self.settings.smtp_url, self.settings.mail_from
        return self._once("mailer", lambda: Mailer(url, sender)) if url and sender else None

    @property
    def alert_hook(self) -> Hook | None:
        """Return the web address that is told of alerts; None when ALERT_WEBHOOK_URL is not set."""
        url = self.settings.alert_webhook_url
        return self._once("alert_hook", lambda: Hook(url)) if url else None


def build_deps(settings: Settings) -> Deps:
    """Return what a process needs; nothing is connected yet."""
    return Deps(settings)
