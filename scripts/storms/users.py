"""Users with an app that behaves as a decent one does: a key for each wish, sent again when no answer came."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from scripts.storms.wishes import Wish

TRY_AGAIN = (429, 502, 503, 504)
HASTY_SECONDS = 0.03  # a time-out that strikes while the server is still at it
MOST_BODIES = 5
WATCH_SECONDS = 15


@dataclass
class Weather:
    """What all users share: how busy the system is, when to give up, and what they met."""

    give_up_at: float
    most_open: int
    open: int = 0
    met: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def wait_for_room(self) -> None:
        """Wait while the system has enough to do; a storm over an endless backlog would strike the queue alone."""
        while self.open >= self.most_open and time.monotonic() < self.give_up_at:
            time.sleep(0.05)


class GaveUp(Exception):
    """No answer until the end of all patience."""


class User:
    """Somebody signed in, who wishes one thing after the other in a thread of their own."""

    def __init__(self, web_url: str, token: str, wishes: list[Wish], weather: Weather, seed: str) -> None:
        self.wishes = wishes
        self.asked: list[Wish] = []
        self._failed: list[Wish] = []
        self._weather = weather
        self._random = random.Random(seed)  # noqa: S311 - a storm is to be repeatable
        self._http = httpx.Client(base_url=f"{web_url}/api/v1", headers={"Authorization": f"Bearer {token}"})
        self._thread = threading.Thread(target=self._live, daemon=True)

    def start(self) -> None:
        """Begin to wish."""
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether there are wishes left."""
        return self._thread.is_alive()

    def quote(self, body: dict[str, Any]) -> int:
        """Return what something costs."""
        return int(self._send("/generations/quote", body).json()["credits"])

    def wish(self, wish: Wish) -> None:
        """Ask for it until there is an answer; some ask again although there was one."""
        for _ in range(2 if self._random.random() < 0.05 else 1):
            answer = self._send(wish.path, wish.body, wish.key, hasty=self._random.random() < 0.1)
            wish.note(answer.status_code, answer.json())

    def _live(self) -> None:
        try:
            for wish in self.wishes:
                self._weather.wait_for_room()
                self.asked.append(wish)
                self.wish(wish)
                if wish.regretted and wish.id:
                    time.sleep(self._random.uniform(0, 1.5))
                    self._send(f"{wish.path}/{wish.id}/cancel", {})
                if wish.retried and wish.id:
                    self._failed.append(wish)
                if self._failed and self._random.random() < 0.2:
                    self._retry(self._failed.pop(0))
                time.sleep(self._random.uniform(0, 0.2))
            for wish in self._failed:
                self._retry(wish)
        except GaveUp:
            self._weather.met["gave up"] += 1

    def _retry(self, wish: Wish) -> None:
        """Have what failed of a batch tried again; half of the time it is asked twice, and must be done once."""
        wish.retries += 1
        self._watch(wish)
        for _ in range(self._random.choice((1, 2))):
            self._send(f"{wish.path}/{wish.id}/retry", {}, f"{wish.key}-again", hasty=self._random.random() < 0.1)

    def _watch(self, wish: Wish) -> None:
        """Look for a while whether the batch has finished; whoever retries earlier finds less that has failed."""
        until = min(time.monotonic() + WATCH_SECONDS, self._weather.give_up_at)
        while time.monotonic() < until:
            with suppress(httpx.TransportError):
                answer = self._http.get(f"{wish.path}/{wish.id}", params={"limit": 1}, timeout=5)
                self._weather.met[str(answer.status_code)] += 1
                if answer.status_code == 200 and answer.json()["status"] == "finished":
                    return
            time.sleep(0.5)

    def _send(self, path: str, body: dict[str, Any], key: str = "", *, hasty: bool = False) -> httpx.Response:
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        pause = 0.1
        while time.monotonic() < self._weather.give_up_at:
            try:
                answer = self._http.post(path, json=body, headers=headers, timeout=HASTY_SECONDS if hasty else 15)
            except httpx.TransportError as error:
                self._weather.met["no answer" if not hasty else f"hung up ({type(error).__name__})"] += 1
            else:
                self._weather.met[str(answer.status_code)] += 1
                if answer.status_code == 500 and len(self._weather.broken) < MOST_BODIES:
                    self._weather.broken.append(f"POST {path}: {answer.text[:300]}")
                if answer.status_code not in (*TRY_AGAIN, 500):
                    return answer
            hasty = False
            time.sleep(pause * self._random.uniform(0.7, 1.3))
            pause = min(pause * 2, 1.0)
        raise GaveUp(f"No answer to POST {path} in the time given: give it more minutes, or ask for less.")
