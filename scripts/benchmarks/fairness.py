"""Who waits how long when thousands ask at once: `.venv/bin/python -m scripts.benchmarks.fairness`.

The real SQL decides who is next; only time and the workers are made up. A few people order whole batches first, then
everybody else orders one generation. Workers take from the queue as ours do, and each of them needs ten seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import psycopg

from scripts.benchmarks.figures import percentile
from scripts.benchmarks.ground import Ground, Tell, empty
from scripts.local import environment
from scripts.local.postgres import SUPERUSER, Postgres

TICK = 10  # seconds: what a generation takes, and how often the dispatcher looks
LOOK = 500  # rows that one look hands on, as in core/generations.py
CREDITS = 1_000_000

SETTING = """
create schema bench;
create table bench.people (n integer primary key, id uuid not null, singles integer not null, items integer not null);
create function bench.order_all() returns void language plpgsql as $$
declare
  p bench.people;
begin
  for p in select * from bench.people order by n loop
    perform set_config('request.jwt.claims', json_build_object('role', 'authenticated', 'sub', p.id)::text, true);
    if p.items > 0 then
      perform public.create_batch((
        select jsonb_agg(jsonb_build_object('model', 'local/picture', 'prompt', 'fox ' || i, 'params', '{}'::jsonb))
        from generate_series(1, p.items) i), 'order', false);
    end if;
    for i in 1 .. p.singles loop
      perform public.create_generation('local/picture', 'a fox', '{}', 'order ' || i);
    end loop;
  end loop;
end
$$;
create function bench.begin_work(p_ids uuid[]) returns table (id uuid, n integer) language sql as $$
  select x.id, p.n from unnest(p_ids) x (id), lateral public.claim_generation(x.id, 'bench', 60) c
    join bench.people p on p.id = (c ->> 'user_id')::uuid
  where c is not null
$$;
create function bench.end_work(p_ids uuid[]) returns jsonb language sql as $$
  select coalesce(jsonb_agg(e), '[]') from unnest(p_ids) x (id), lateral public.complete_generation(x.id, 1, '[]') c,
    lateral jsonb_array_elements(c -> 'next') e
$$;
"""
CLOCK = (
    "create or replace function private.clock() returns timestamptz language sql set search_path = '' as "
    "'select timestamptz ''2030-01-01Z'' + make_interval(secs => {seconds})'"
)
PEOPLE = """
insert into bench.people select n, ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
  case when n > %(heavy)s then 1 else 0 end, case when n > %(heavy)s then 0 else %(items)s end
from generate_series(1, %(users)s) n;
"""
TOLD = """
select coalesce(jsonb_agg(private.queue_entry(g.id, g.attempt, g.batch_id) order by p.n), '[]')
from public.generations g join bench.people p on p.id = g.user_id
where g.status = 'queued' and g.dispatch_at < 'infinity'
"""
USERS = "insert into auth.users (id, email) select id, n || '@example.test' from bench.people order by n"
GRANT = "select public.grant_credits(id, %s, 'purchase', 'bench', null, 'bench', null) from bench.people"


@dataclass(frozen=True)
class Crowd:
    """Who asks, and who works."""

    users: int = 10_000
    heavy: int = 20
    items: int = 500
    workers: int = 200


@dataclass
class Waits:
    """How long it took until each generation began, in seconds, and how many at a time anybody had."""

    light: list[float] = field(default_factory=list)
    heavy_first: dict[int, float] = field(default_factory=dict)
    heavy_last: float = 0.0
    most_at_once: int = 0


def simulate(postgres: Postgres, crowd: Crowd, tell: Tell) -> Waits:
    """Let everybody order at once, then work until nothing is left."""
    ground = _setting(postgres, crowd, tell)
    waits, working, second = Waits(), list[str](), 0
    lines: dict[str, deque[str]] = {"default": deque(), "low": deque()}
    told: set[str] = set()
    with psycopg.connect(ground.url(SUPERUSER), autocommit=True) as connection:
        due = connection.execute(TOLD).fetchall()[0][0]
        while True:
            for row in due:
                if row["id"] not in told:  # RQ knows a job by its name, too
                    told.add(row["id"])
                    lines[row["queue"]].append(row["id"])
            working = list(_begin(connection, _take(lines, crowd.workers), second, crowd, waits))
            if not working and not any(lines.values()):
                return waits
            second += TICK
            connection.execute(CLOCK.format(seconds=second).encode())
            due = [*_end(connection, working), *_look(connection)]
            if second % (TICK * 20) == 0:
                tell(f"after {second} s {len(waits.light):,} of the many have begun")


def unfair(crowd: Crowd) -> float:
    """The wait of the last of the many, were all served in the order in which they asked."""
    return (-(-(crowd.heavy * crowd.items + crowd.users - crowd.heavy) // crowd.workers) - 1) * TICK


def alone(crowd: Crowd) -> float:
    """And were there nobody but them."""
    return (-(-(crowd.users - crowd.heavy) // crowd.workers) - 1) * TICK


def main(arguments: Sequence[str]) -> int:
    """Simulate and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmarks.fairness", description=__doc__.split("\n")[0])
    for name, usual in asdict(Crowd()).items():
        parser.add_argument(f"--{name}", type=int, default=usual, metavar="N", help=f"(default: {usual:,})")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = vars(parser.parse_args(arguments))
    as_json = options.pop("json")
    crowd = Crowd(**options)
    environment.clean_own()
    with Postgres(durable=False) as postgres:
        waits = simulate(postgres, crowd, lambda line: print(f"  {line}", file=sys.stderr, flush=True))
    found = summary(crowd, waits)
    lines = [f"{name:<62}{value:>9,.0f}" for name, value in found.items()]
    print(json.dumps(found, indent=2) if as_json else "\n".join(lines))
    return 0


def summary(crowd: Crowd, waits: Waits) -> dict[str, float]:
    """The figures that matter, in seconds."""
    return {
        "one generation each: half have begun after": percentile(waits.light, 0.5),
        "one generation each: 99 of 100 have begun after": percentile(waits.light, 0.99),
        "one generation each: the last has begun after": max(waits.light),
        "the last, were those with batches not there": alone(crowd),
        "the last, were all served in the order of asking": unfair(crowd),
        "batches: the first item of the last batch has begun after": max(waits.heavy_first.values()),
        "batches: the last item has begun after": waits.heavy_last,
        "most generations of one person at a time": waits.most_at_once,
    }


def _setting(postgres: Postgres, crowd: Crowd, tell: Tell) -> Ground:
    tell(f"{crowd.users:,} people order, {crowd.heavy} of them {crowd.items} at a time")
    ground = empty(postgres, "fairness")
    with psycopg.connect(ground.url(SUPERUSER), autocommit=True, cursor_factory=psycopg.ClientCursor) as cursor:
        cursor.execute(CLOCK.format(seconds=0).encode())
        cursor.execute(SETTING.encode())
        cursor.execute(PEOPLE.encode(), asdict(crowd))
        cursor.execute(USERS)
        cursor.execute(GRANT, [CREDITS])
        cursor.execute("select bench.order_all()")
        cursor.execute("vacuum analyze")
    return ground


def _look(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """What the dispatcher hands on."""
    return list(connection.execute("select public.list_dispatchable(%s)", [LOOK]).fetchall()[0][0])


def _end(connection: psycopg.Connection[Any], working: list[str]) -> list[dict[str, Any]]:
    """Whoever worked is done; what got the slots that became free."""
    return list(connection.execute("select bench.end_work(%s::uuid[])", [working]).fetchall()[0][0])


def _take(lines: dict[str, deque[str]], workers: int) -> list[str]:
    """What so many workers take next: nothing of batches while there is anything else."""
    taken: list[str] = []
    for line in lines.values():
        while line and len(taken) < workers:
            taken.append(line.popleft())
    return taken


def _begin(
    connection: psycopg.Connection[Any], ids: list[str], second: int, crowd: Crowd, waits: Waits
) -> Iterator[str]:
    """Claim, and note who had to wait how long."""
    begun = connection.execute("select id::text, n from bench.begin_work(%s::uuid[])", [ids]).fetchall()
    running: dict[int, int] = {}
    for generation, person in begun:
        running[person] = running.get(person, 0) + 1
        if person > crowd.heavy:
            waits.light.append(second)
        else:
            waits.heavy_last = second
            waits.heavy_first.setdefault(person, second)
        yield generation
    waits.most_at_once = max(waits.most_at_once, *running.values(), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
