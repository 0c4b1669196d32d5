#!/usr/bin/env python3
"""Adds credits to many users, or takes them away, from a CSV file.

Its columns: user (id or e-mail), amount, reason, expires_at (may be empty).

    SCRIP_TOKEN=... python scripts/bulk_credits.py grants.csv --url https://api.example.com --dry-run
    SCRIP_TOKEN=... python scripts/bulk_credits.py grants.csv --url https://api.example.com --report done.csv

SCRIP_TOKEN is the access token of an admin, whose limits hold: what is above them waits for another admin. The whole
file is read and checked first. A line that was done is not done again by the same admin, in whatever file it stands:
after a break, or with other lines corrected, run the file again. To give the same once more, give another reason
("bonus of December"). A dry run looks at each line for itself.

Exit codes: 0 every line went through · 1 some did not, or the file is wrong · 2 misuse.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

try:
    import httpx

    from scripts.api import Refused, ask, connect, token
except ModuleNotFoundError:
    sys.exit("httpx is not installed here: use .venv/bin/python scripts/bulk_credits.py (scripts/start makes .venv).")

COLUMNS = ("user", "amount", "reason", "expires_at")
REPORT = ("line", "user", "user_id", "amount", "outcome", "added", "balance", "adjustment_id", "message")
ADMIN = "/api/v1/admin"


@dataclass(frozen=True)
class Line:
    """One line of the file."""

    number: int
    key: str
    user: str
    amount: int
    reason: str
    expires_at: str | None


def read(text: str) -> tuple[list[Line], list[str]]:
    """Return the lines of a file, and what is wrong with it."""
    rows = csv.DictReader(text.splitlines())
    if tuple(rows.fieldnames or ()) not in (COLUMNS, COLUMNS[:3]):
        return [], [f"line 1: the columns must be {','.join(COLUMNS)}"]
    lines, problems, alike = [], [], Counter[str]()
    for row in rows:
        try:
            line = _line(rows.line_num, row)
        except ValueError as error:
            problems.append(f"line {rows.line_num}: {error}")
        else:
            alike[line.key] += 1
            lines.append(replace(line, key=f"{line.key}:{alike[line.key]}"))
    return lines, problems


def _line(number: int, row: dict[str, Any]) -> Line:
    if None in row or None in [row[name] for name in COLUMNS[:3]]:
        raise ValueError(f"{len(COLUMNS)} columns are expected")
    user, amount, reason = (row[name].strip() for name in COLUMNS[:3])
    expires_at = (row.get("expires_at") or "").strip() or None
    if not re.fullmatch(r"[0-9a-fA-F-]{36}|[^@\s]+@[^@\s]+", user):
        raise ValueError(f"{user!r} is neither an id nor an e-mail address")
    if not re.fullmatch(r"[+-]?\d{1,10}", amount) or not int(amount):
        raise ValueError(f"{amount!r} is no amount: a whole number, below zero to take away")
    if not reason:
        raise ValueError("the reason is missing")
    if expires_at and datetime.fromisoformat(expires_at).tzinfo is None:
        raise ValueError(f"{expires_at!r} has no zone: write 2027-01-01T00:00:00Z")
    what = json.dumps([user.lower(), int(amount), reason, expires_at])
    key = f"bulk:{hashlib.sha256(what.encode()).hexdigest()[:32]}"
    return Line(number, key, user, int(amount), reason, expires_at)


def run(client: httpx.Client, lines: Iterable[Line], *, dry_run: bool) -> Iterator[dict[str, Any]]:
    """Send line by line; yield what became of each."""
    recently = datetime.now(UTC) - timedelta(minutes=1)  # two clocks are never the same
    for line in lines:
        outcome: dict[str, Any] = {"line": line.number, "user": line.user, "amount": line.amount}
        try:
            user_id = _find(client, line.user)
            made = _adjust(client, line, user_id, dry_run=dry_run)
            shown = {name: made[name] for name in ("added", "balance")}
            known = {"user_id": user_id, "outcome": made["status"], "adjustment_id": made["id"]}
            if datetime.fromisoformat(made["created_at"]) < recently:
                known |= {"added": 0, "message": f"at {made['created_at']} already"}
            yield outcome | shown | known
        except Refused as error:
            yield outcome | {"outcome": "refused", "message": str(error)}


def _find(client: httpx.Client, user: str) -> str:
    if "@" not in user:
        return str(_uuid(user))
    found = ask(client, "GET", f"{ADMIN}/users", params={"q": user, "limit": 200}).json()["data"]
    ids: list[str] = [row["id"] for row in found if (row["email"] or "").lower() == user.lower()]
    if len(ids) != 1:
        raise Refused("nobody has this e-mail address" if not ids else "several users have this e-mail address")
    return ids[0]


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Refused("this is no id") from error


def _adjust(client: httpx.Client, line: Line, user_id: str, *, dry_run: bool) -> dict[str, Any]:
    body = {"amount": line.amount, "reason": line.reason, "expires_at": line.expires_at, "dry_run": dry_run}
    headers = {"Idempotency-Key": line.key}
    made: dict[str, Any] = ask(client, "POST", f"{ADMIN}/users/{user_id}/credits", json=body, headers=headers).json()
    return made


def main(arguments: list[str] | None = None, transport: httpx.BaseTransport | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--url", required=True, help="the address of the API")
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be")
    parser.add_argument("--report", type=Path, help="write what became of each line here, as CSV")
    given = parser.parse_args(arguments)
    admin = token(parser)
    try:
        lines, problems = read(given.file.read_text("utf-8-sig"))
    except (OSError, UnicodeError, csv.Error) as error:
        lines, problems = [], [f"{given.file} can't be read: {error}"]
    if problems:
        print("Nothing was sent:", *problems, sep="\n  ", file=sys.stderr)
        return 1
    outcomes: list[dict[str, Any]] = []
    try:
        with _report(given.report) as report, connect(given.url, admin, transport) as client:
            for one in _shown(run(client, lines, dry_run=given.dry_run), len(lines)):
                outcomes.append(one)
                report(one)
    except (OSError, Refused) as error:
        print(f"Stopped: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped. Run the file again: what was done is not done twice.", file=sys.stderr)
    counts = Counter(one["outcome"] for one in outcomes)
    added = sum(one.get("added", 0) for one in outcomes)
    print(("dry run: " if given.dry_run else "") + f"{len(lines)} lines, {dict(counts)}, {added:+d} credits")
    return 1 if counts["refused"] or len(outcomes) < len(lines) else 0


@contextmanager
def _report(path: Path | None) -> Iterator[Callable[[dict[str, Any]], object]]:
    """Open the report before anything is sent, and write it line by line, so that a break leaves what was done."""
    if path is None:
        yield lambda outcome: None
        return
    with path.open("w", newline="", encoding="utf-8", buffering=1) as file:
        writer = csv.DictWriter(file, REPORT)
        writer.writeheader()
        yield writer.writerow


def _shown(outcomes: Iterable[dict[str, Any]], total: int) -> Iterator[dict[str, Any]]:
    for number, one in enumerate(outcomes, 1):
        result = one.get("message") or f"{one['added']:+d}, balance {one['balance']}"
        print(f"[{number}/{total}] line {one['line']} {one['user']}: {one['outcome']} {result}", flush=True)
        yield one


if __name__ == "__main__":
    sys.exit(main())
