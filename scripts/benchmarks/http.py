"""HTTP: what our layer adds to a call, beside the same call without us and an empty Flask route."""

from __future__ import annotations

import itertools
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median

from backend.config import load_settings
from backend.web.tokens import Tokens
from scripts.benchmarks import postgrest
from scripts.benchmarks.figures import Figure, Target, missing, paired
from scripts.benchmarks.ground import CannotMeasure
from scripts.benchmarks.load import Load, MakeRequest, drive, request
from scripts.benchmarks.postgrest import PostgREST
from scripts.benchmarks.stage import Stage, can_look_at_processes, cpu_seconds, family
from scripts.local import environment
from scripts.local.places import ROOT
from scripts.local.processes import free_port, start

GROUP = "http"
PROMPT = {"model": "local/picture", "prompt": "a fox in the snow", "params": {"num_images": 1}}
RPC_PROMPT = {"p_model_id": PROMPT["model"], "p_prompt": PROMPT["prompt"], "p_params": PROMPT["params"]}
READS = {"GET /credits/balance": "get_credit_balance", "GET /generations": "list_generations"}
READ, WRITE = Target(1.0), Target(1.5)


@dataclass(frozen=True)
class Route:
    """One of our routes, the operation behind it, and what our part in it may cost."""

    name: str
    ours: MakeRequest
    straight: MakeRequest
    most_ms: Target


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int
    seconds: float
    connections: tuple[int, ...] = (1, 8, 32)


QUICK = Effort(rounds=2, seconds=0.8)
FULL = Effort(rounds=3, seconds=1.7)
SMOKE = Effort(rounds=1, seconds=0.3, connections=(2,))


def measure(stage: Stage, effort: Effort) -> list[Figure]:
    """Every figure of the web process."""
    own = postgrest.given()
    stage.halt("worker", "scheduler", "fal")
    figures = []
    with hello_world(stage) as (hello, pid):
        stage.say("hello world")
        make = partial(request, "GET", f"{hello}/hello", {})
        base = _cpu_ms(hello, make, pid, effort)
        loads = [drive(hello, make, connections=8, seconds=effort.seconds) for _ in range(effort.rounds)]
        name = "GET /hello of an empty Flask, 8 connections"
        figures.append(Figure(GROUP, name, median(load.rate for load in loads), "per s", also=_told(loads)))
    for route in routes(stage):
        figures += _route(stage, route, effort, own)
        figures.append(_cpu(stage, route, effort, base))
    return [*figures, *verification(stage)]


def routes(stage: Stage) -> list[Route]:
    """The hot ones. Creates come first, so that the list has something to show."""
    tokens = itertools.cycle(stage.tokens)
    key, url, rest = stage.keys.publishable_key, f"{stage.web_url}/api/v1", f"{stage.supabase_url}/rest/v1/rpc"

    def headers() -> dict[str, str]:
        return {"Authorization": f"Bearer {next(tokens)}"}

    def straight(operation: str, **arguments: object) -> bytes:
        body = json.dumps(arguments).encode()
        return request("POST", f"{rest}/{operation}", headers() | {"apikey": key}, body)

    def create() -> bytes:
        once = {"Idempotency-Key": uuid.uuid4().hex}
        return request("POST", f"{url}/generations", headers() | once, json.dumps(PROMPT).encode())

    return [
        Route(
            "POST /generations",
            create,
            lambda: straight("create_generation", **RPC_PROMPT, p_idempotency_key=uuid.uuid4().hex),
            WRITE,
        ),
        Route(
            "GET /credits/balance",
            lambda: request("GET", f"{url}/credits/balance", headers()),
            lambda: straight("get_credit_balance"),
            READ,
        ),
        Route(
            "GET /generations",
            lambda: request("GET", f"{url}/generations?limit=20", headers()),
            lambda: straight("list_generations", p_limit=20),
            READ,
        ),
    ]


def _route(stage: Stage, route: Route, effort: Effort, own: PostgREST | None) -> Iterator[Figure]:
    """Requests a second and waiting, in turns with the same call without us."""
    gateway, make_straight, floor_name = stage.supabase_url, route.straight, "the RPC alone"
    if own and route.name in READS:
        gateway, make_straight, floor_name = own.url, own.call(READS[route.name]), "the RPC at POSTGREST_URL"
    for connections in effort.connections:
        name = f"{route.name}, {connections} connection{'s' * (connections > 1)}"
        stage.say(name)
        try:
            drive(stage.web_url, route.ours, connections=connections, seconds=0.2)
            ours, others = [], []
            for _ in range(effort.rounds):
                ours.append(drive(stage.web_url, route.ours, connections=connections, seconds=effort.seconds))
                others.append(drive(gateway, make_straight, connections=connections, seconds=effort.seconds))
        except CannotMeasure as why:
            yield missing(GROUP, name, str(why))
            continue
        rounds = [(one.rate, other.rate) for one, other in zip(ours, others, strict=True)]
        yield paired(GROUP, name, "per s", rounds, floor_name, also=_told(ours))


def _cpu(stage: Stage, route: Route, effort: Effort, base: float) -> Figure:
    name = f"CPU of our layer per {route.name}"
    if not can_look_at_processes():
        return missing(GROUP, name, "only Linux tells what a process has used")
    stage.say(name)
    spent = _cpu_ms(stage.web_url, route.ours, stage.child("web").pid, effort)
    also = f"{spent:.2f} less {base:.2f} of hello world"
    return Figure(GROUP, name, max(0.0, spent - base), "ms", target=route.most_ms, also=also)


def _cpu_ms(url: str, make: MakeRequest, master: int, effort: Effort) -> float:
    """CPU time per request of the processes behind a URL, over their workers."""

    def once() -> float:
        while True:
            workers = family(master)
            before = sum(map(cpu_seconds, workers))
            load = drive(url, make, connections=4, seconds=max(0.5, effort.seconds))
            if family(master) == workers:  # else one has served its 20,000 requests, and what it used went with it
                return (sum(map(cpu_seconds, workers)) - before) / len(load.latencies) * 1000

    return median(once() for _ in range(effort.rounds + 1))


@contextmanager
def hello_world(stage: Stage) -> Iterator[tuple[str, int]]:
    """The empty route, served as ours are."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
    command += ["--no-control-socket", "--max-requests", "0", "scripts.benchmarks.hello:app"]
    log = stage.places.logs / "hello.log"
    child = start(command, name="hello", log=log, env=environment.for_child(stage.app_environment()), cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url, child.log_tail)
        yield url, child.pid
    finally:
        child.stop()


def _await(url: str, why: Callable[[], str]) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            drive(url, lambda: request("GET", f"{url}/hello", {}), connections=1, seconds=0.05)
            return
        except (OSError, CannotMeasure) as trouble:
            if time.monotonic() > until:
                raise CannotMeasure(f"the empty Flask did not start: {why()}") from trouble
        time.sleep(0.05)


def verification(stage: Stage) -> Iterator[Figure]:
    """What it takes to believe a token: the first time, and when it comes again."""
    stage.say("verification of a token")
    given = stage.app_environment()
    tokens = Tokens(load_settings(given))
    tokens.verify(stage.tokens[0])  # fetches the keys
    for name in ("verify a token that is new", "verify it again"):
        began = time.perf_counter()
        for token in stage.tokens[1:]:
            tokens.verify(token)
        spent = (time.perf_counter() - began) * 1000 / (len(stage.tokens) - 1)
        yield Figure(GROUP, name, spent, "ms")


def _told(loads: list[Load]) -> str:
    return f"p50 {median(load.ms(0.5) for load in loads):.1f} ms, p99 {median(load.ms(0.99) for load in loads):.1f} ms"
