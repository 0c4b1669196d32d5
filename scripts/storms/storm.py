"""One storm from the first sign-up to the last figure."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg

from scripts.storms import calm, figures
from scripts.storms.accounts import grant, sign_up
from scripts.storms.audit import Finding, audit, price_key, rows_of, weather_findings
from scripts.storms.blows import Blows
from scripts.storms.orders import Orders
from scripts.storms.report import Reporter
from scripts.storms.stack import STORM_SETTINGS, StormStack, throw_away_places
from scripts.storms.users import User, Weather
from scripts.storms.wishes import CHOICES, Wish, asked_for, plan

POOR = 5  # every fifth user can't afford all wishes
FAIL_RATE = 0.1  # of the orders
DROP_RATE = 0.02  # beside those that the wishes ask for; without its webhook each takes a minute to be given up
CALM_SHARE = 20  # one generation in twenty is asked for before the storm
OPEN_PER_WORKER = 15
SETTLE_SECONDS = 150.0  # a lost hint is told again after a minute, a dead scheduler replaced after half of one


OPEN = "select count(*) from public.generations where finished_at is null"
# For --hurry: every function that compares with now asks private.clock().
CLOCK_AHEAD = """
create or replace function private.clock() returns timestamptz language plpgsql volatile set search_path = '' as $$
begin
  return clock_timestamp() + interval '61 seconds';
end
$$"""


class OutOfTime(Exception):
    """The storm took longer than --minutes."""


@dataclass(frozen=True)
class Order:
    """What was asked for."""

    generations: int
    users: int
    workers: int
    seed: int
    minutes: float
    idle_seconds: float
    hurry: bool
    calm: bool
    spoil: str
    keep: bool


class Storm:
    """Runs it; the main thread strikes and repairs, each user has a thread."""

    def __init__(self, order: Order, reporter: Reporter) -> None:
        self.order, self.reporter = order, reporter
        self.end_at = time.monotonic() + order.minutes * 60
        room = order.generations if order.hurry else OPEN_PER_WORKER * order.workers
        self.weather = Weather(self.end_at, room)
        self.granted: dict[str, int] = {}
        self.prices: dict[str, int] = {}
        self.users: dict[str, User] = {}
        self.calm_users: list[User] = []
        self.figures: dict[str, Any] = {}

    def run(self) -> bool:
        """Return whether every figure is as it must be."""
        with throw_away_places(self.order.keep) as places:
            if self.order.keep:
                self.reporter.step(f"data and logs: {', '.join(map(str, places.roots))}")
            with StormStack(places, self.reporter.step, workers=self.order.workers) as stack:
                self._prepare(stack)
                began = self._now(stack)
                self._calm(stack)
                calm_ended = self._now(stack)
                dealt = self._load(stack)
                ended = self._now(stack)
                self._settle(stack)
                self.figures["enqueue to start, one by one"] = figures.waits(stack, began, calm_ended)
                together = "all users at once" if self.order.calm else "storm"
                self.figures[f"enqueue to start, {together}"] = figures.waits(stack, calm_ended, ended)
                if self.order.spoil:
                    stack.patiently(self.order.spoil)
                findings = self._audit(stack, dealt)
        self.reporter.show(findings, self.figures, dealt, self.weather)
        return all(finding.sound for finding in findings)

    def _prepare(self, stack: StormStack) -> None:
        """Sign users up, ask prices, and give each the credits for what is planned."""
        self.reporter.step(f"signing {self.order.users} users up")
        shares = [self.order.generations // self.order.users] * self.order.users
        for extra in range(self.order.generations % self.order.users):
            shares[extra] += 1
        for number, share in enumerate(shares):
            user_id, token = sign_up(stack, number)
            wishes = plan(f"{self.order.seed}/wishes/{number}", share, fates=not self.order.calm)
            self.users[user_id] = User(stack.web_url, token, wishes, self.weather, f"{self.order.seed}/user/{number}")
        someone = next(iter(self.users.values()))
        self.prices = {
            price_key(model, params): someone.quote({"model": model, "params": params, "prompt": "a lighthouse"})
            for model, params, _ in CHOICES
        }
        for number, (user_id, user) in enumerate(self.users.items()):
            needed = sum(self._price(wish) for wish in user.wishes)
            self.granted[user_id] = grant(stack, user_id, needed // 2 if number % POOR == POOR - 1 else needed)

    def _price(self, wish: Wish) -> int:
        return sum(self.prices[price_key(item["model"], item["params"])] for item in wish.items)

    def _calm(self, stack: StormStack) -> None:
        """Single generations one after the other, with the settings of production: what waiting and Redis cost."""
        users, count = list(self.users.values()), max(5, self.order.generations // CALM_SHARE)

        def work() -> int:
            return calm.one_after_the_other(users, count, lambda: self._wait_until_open(stack, 0, 60))

        self.figures["worker settings, one by one and idle"] = stack.worker_settings()
        self.figures |= calm.measure(stack, work, self.order.idle_seconds, self.reporter.step)

    def _load(self, stack: StormStack) -> Counter[str]:
        """Let all users ask for what they wish, and strike until they have it or an answer why not."""
        blows = None if self.order.calm else self._unleash(stack)
        self.reporter.step("storm" if blows else "all users at once, and no storm")
        for user in self.users.values():
            user.start()
        while any(user.busy for user in self.users.values()) or (blows and not blows.all_dealt and self.weather.open):
            self._check_time()
            stack.keep_running()
            if blows:
                blows.look()
            self.weather.open = self._count_open(stack)
            dealt = blows.dealt if blows else Counter[str]()
            self.reporter.progress(self._asked(), self.order.generations, self.weather.open, dealt)
            time.sleep(0.1)
        if blows:
            blows.cease()
        return blows.dealt if blows else Counter()

    def _unleash(self, stack: StormStack) -> Blows:
        """Make ready what is to be struck: short leases, and a provider that misbehaves."""
        stack.change_settings(STORM_SETTINGS)
        self.figures["worker settings in the storm"] = stack.worker_settings()
        lost_answers = 0 if self.order.hurry else DROP_RATE
        unruly = {"fail_rate": FAIL_RATE, "drop_rate": lost_answers, "seed": self.order.seed}
        httpx.post(f"{stack.fal_url}/__control", json=unruly).raise_for_status()
        stack.supervisor.tell = lambda text: None  # the blows are counted instead
        return Blows(stack, f"{self.order.seed}/blows")

    def _settle(self, stack: StormStack) -> None:
        """Give it time to settle by itself; nobody helps."""
        self.reporter.step("everything is asked for: settling")
        if self.order.hurry:
            stack.patiently(CLOCK_AHEAD)
        began = time.monotonic()
        self._wait_until_open(stack, 0, SETTLE_SECONDS)
        self.figures["seconds to settle"] = round(time.monotonic() - began, 1)

    def _wait_until_open(self, stack: StormStack, most: int, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._check_time()
            stack.keep_running()
            count = self._count_open(stack, otherwise=most + 1)
            if count <= most:
                return
            self.reporter.progress(self._asked(), self.order.generations, count, Counter())
            time.sleep(0.02)

    def _audit(self, stack: StormStack, dealt: Counter[str]) -> list[Finding]:
        self.reporter.step("checking the books")
        stack.patiently("select 1")
        rows = rows_of(stack.connect())
        wishes = {user_id: user.asked for user_id, user in self.users.items()}
        findings = audit(stack.connect(), rows, wishes, self.granted, self.prices)
        told = httpx.get(f"{stack.fal_url}/__requests", timeout=30).raise_for_status().json()
        orders = Orders(stack.connect(), told["requests"])
        findings += orders.findings({row.id for row in rows})
        self.figures["asked for"] = asked_for(wish for user in self.users.values() for wish in user.asked)
        self.figures["orders at the provider"] = orders.figures() | {"taken": told["accepted"]}
        retried = sum(wish.retries for user in self.users.values() for wish in user.asked)
        self.figures["batches retried"] = {"asked": retried, "generations made by it": len(rows) - self._answered()}
        self.figures["generations"] = dict(Counter(row.status for row in rows))
        self.figures["attempts"] = sum(row.attempt for row in rows)
        self.figures["failed with"] = dict(Counter(row.error for row in rows if row.status == "failed"))
        return findings + weather_findings(self.weather, None if self.order.calm else dealt)

    def _answered(self) -> int:
        return sum(len(wish.items) for user in self.users.values() for wish in user.asked if wish.id)

    def _asked(self) -> int:
        return sum(len(wish.items) for user in self.users.values() for wish in user.asked)

    def _count_open(self, stack: StormStack, otherwise: int | None = None) -> int:
        try:
            row = stack.connect().execute(OPEN).fetchone()
            return int(row[0]) if row else 0
        except psycopg.OperationalError:
            return self.weather.open if otherwise is None else otherwise

    def _now(self, stack: StormStack) -> Any:
        return stack.patiently("select clock_timestamp()")[0][0]

    def _check_time(self) -> None:
        if time.monotonic() > self.end_at:
            raise OutOfTime(f"It did not end within {self.order.minutes:g} minutes: give it more, or ask for less.")
