"""Books: how many holds and charges PostgreSQL books, as a share of the least SQL that could do it.

Every call is made as PostgREST makes it: a transaction that takes on the caller's role and claims, one call, a durable
commit. Ours and the floor take turns in rounds of a second or two, so that both see the same machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg

from scripts.benchmarks import batches, nostro
from scripts.benchmarks.figures import Figure, Target, missing, paired
from scripts.benchmarks.ground import CannotMeasure, Ground, Tell, lay, prepared
from scripts.local.postgres import SUPERUSER, Postgres

GROUP = "books"
FLOOR = "least SQL"
SPREAD, HOT = 1000, 1


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int
    seconds: float
    users: int = SPREAD


QUICK = Effort(rounds=3, seconds=1)
FULL = Effort(rounds=5, seconds=2)
SMOKE = Effort(rounds=1, seconds=1, users=5)


def measure(effort: Effort, tell: Tell) -> list[Figure]:
    """Every figure of the books, on a server of their own."""
    with prepared(effort.users, tell) as ground:
        figures = list(in_pgbench(ground, effort, tell))
        figures.append(_batch(ground.postgres, effort, tell))
    return figures


def in_pgbench(ground: Ground, effort: Effort, tell: Tell) -> Iterator[Figure]:
    """What pgbench can drive."""
    targets = {(SPREAD, 8): 0.75, (SPREAD, 16): 0.75, (HOT, 1): 0.9, (HOT, 8): 0.9, (HOT, 16): 0.9}
    for wallets in (SPREAD, HOT):
        for clients in (1, 8, 16):
            limit = targets.get((wallets, clients))
            target = Target(limit, at_least=True) if limit else None
            name = f"reserve + confirm, {_where(wallets)}, {_clients(clients)}"
            yield compare(ground, effort, tell, name, ("pair", "pair_floor"), clients, wallets, FLOOR, target)
    for clients in (1, 8, 16):
        name = f"create + claim + complete, {_where(SPREAD)}, {_clients(clients)}"
        yield compare(ground, effort, tell, name, ("life", "life_floor"), clients, SPREAD, FLOOR)
    try:
        nostro.set_up(ground)
    except CannotMeasure as why:
        yield missing(GROUP, "reserve + confirm against hf-nostro's debit", str(why))
        return
    for wallets in (SPREAD, HOT):
        name = f"reserve + confirm, {_where(wallets)}, {_clients(8)}"
        yield compare(ground, effort, tell, name, ("pair", "debit_nostro"), 8, wallets, "hf-nostro's debit")


def compare(
    ground: Ground,
    effort: Effort,
    tell: Tell,
    name: str,
    scripts: tuple[str, str],
    clients: int,
    wallets: int,
    floor_name: str,
    target: Target | None = None,
) -> Figure:
    """One figure from rounds in which the two take turns, the first to begin changing too."""
    tell(f"{name} against {floor_name}")

    def rate(script: str) -> float:
        variables = {"wallets": min(wallets, ground.users)}
        return ground.rate(script, clients=clients, seconds=effort.seconds, variables=variables)

    try:
        rounds = [_turn(rate, scripts, number) for number in range(effort.rounds)]
    except CannotMeasure as why:
        return missing(GROUP, name, str(why))
    return paired(GROUP, name, "per s", rounds, floor_name, target)


def _turn(rate: Callable[[str], float], scripts: tuple[str, str], number: int) -> tuple[float, float]:
    if number % 2:
        floor = rate(scripts[1])
        return rate(scripts[0]), floor
    return rate(scripts[0]), rate(scripts[1])


def _batch(postgres: Postgres, effort: Effort, tell: Tell) -> Figure:
    """Time in the database of one batch of 100, against ten single creates; nobody else may use the database."""
    tell("a batch of 100 against 10 single generations")
    lay(postgres, "batches", 1, lambda line: None)
    found = batches.compare(postgres.url("batches"), singles=10, items=100, rounds=effort.rounds * 3)
    name = "create a batch of 100, time in the database"
    return Figure(
        GROUP, name, found.batch_ms, "ms", found.singles_ms, "10 single creates", found.ratio, target=Target(1.0)
    )


def check_floor(ground: Ground) -> list[str]:
    """What is wrong in the books of the floor, so that it is known to do its work."""
    query = """
    select w.id::text from floor.wallets w
    where w.balance <> %s + (select coalesce(sum(e.amount), 0) from floor.entries e where e.wallet_id = w.id)
      or w.held <> (select coalesce(sum(h.amount), 0) from floor.holds h where h.wallet_id = w.id and h.status = 'held')
      or exists (
        select from floor.holds h where h.wallet_id = w.id and h.status = 'confirmed'
        and not exists (select from floor.entries e where e.hold_id = h.id and e.amount = -h.amount))
    """
    with psycopg.connect(ground.url(SUPERUSER)) as connection:
        return [row[0] for row in connection.execute(query.encode(), [ground.credits]).fetchall()]


def _where(wallets: int) -> str:
    return "one hot wallet" if wallets == HOT else f"{wallets:,} wallets"


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count} clients"
