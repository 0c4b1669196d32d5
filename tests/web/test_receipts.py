"""Usage, balances of the past, and the receipt, over HTTP."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask import Flask

from backend.core.checkpoints import Checkpoints
from backend.errors import Unavailable
from backend.web import receipts
from scripts.receipts.checking import Check
from scripts.receipts.reading import read
from tests.web.person import Person
from tests.web.test_errors import check_shape
from tests.worker.world import World

CREDITS = "/api/v1/credits"
EXPORT = f"{CREDITS}/transactions/export"


def fits(person: Person, path: str, answer: Any) -> None:
    """The answer is what the document says."""
    document = person.get("/openapi.json").json
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(answer, {**schema, "components": document["components"]})


@pytest.mark.parametrize("by", ["day", "action", "model"])
def test_usage_is_added_up(alice: Person, world: World, by: str) -> None:
    """A generation of 4 credits."""
    generation = alice.started()
    world.run(generation["id"])
    usage = alice.get(f"{CREDITS}/usage?by={by}").json
    names = {"action": "generation", "model": "local/picture", "day": datetime.now(UTC).date().isoformat()}
    assert usage["data"] == [{by: names[by], "credits": 4, "count": 1}]
    assert datetime.fromisoformat(usage["to"]) - datetime.fromisoformat(usage["from"]) == timedelta(days=30)
    fits(alice, f"{CREDITS}/usage", usage)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("by=user", "by"),
        ("from=yesterday", "from"),
        ("from=1700000000", "from"),
        ("from=2026-01-01T00:00:00", "from"),
        ("from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
        ("to=2026-02-30T00:00:00Z", "to"),
        ("since=2026-01-01T00:00:00Z", "since"),
    ],
)
def test_a_bad_range_is_422_naming_the_field(alice: Person, query: str, field: str) -> None:
    """Also what only the database can tell."""
    error = check_shape(alice.get(f"{CREDITS}/usage?{query}"), 422, "invalid_params")
    assert error["details"]["field"] == field


def test_the_balance_of_the_past(alice: Person, world: World) -> None:
    """What the ledger said at that time."""
    before = datetime.now(UTC)
    world.sql.grant(alice.id, 10)
    then = before.isoformat().replace("+", "%2B")
    answer = alice.get(f"{CREDITS}/balance?at={then}").json
    assert (answer["balance"], datetime.fromisoformat(answer["at"])) == (25, before)
    fits(alice, f"{CREDITS}/balance", answer)
    assert alice.get(f"{CREDITS}/balance?at=2001-01-01T00:00:00Z").json["balance"] == 0
    assert alice.get(f"{CREDITS}/balance").json["balance"] == 35
    error = check_shape(alice.get(f"{CREDITS}/balance?at=2001"), 422, "invalid_params")
    assert error["details"]["field"] == "at"


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_the_receipt_is_a_file_that_checks(
    alice: Person, bob: Person, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    """Several pages, a checkpoint, nothing of others, and the name of a file."""
    monkeypatch.setattr(receipts, "PAGE", 3)
    for amount in range(1, 8):
        world.sql.grant(alice.id, amount)
    world.sql.grant(bob.id, 1000)
    Checkpoints().sign(world.variant(LEDGER_SIGNING_KEY="a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="))
    answer = alice.get(f"{EXPORT}?format={format}")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="credits.{format}"'
    assert answer.content_type == {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}[format]
    path = tmp_path / "receipt"
    path.write_bytes(answer.data)
    report = Check(read(path), {}).run()
    assert (report.problems, report.rows, report.balance, report.checkpoints) == ([], 8, 53, 1)
    assert "1000" not in answer.text.replace(str(report.wallet_id), "")


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_an_older_receipt_is_part_of_each_later_one(alice: Person, world: World, format: str) -> None:
    """All but its end, letter by letter: so a checkpoint that is left out shows beside a receipt that was kept."""
    world.sql.grant(alice.id, 1)
    Checkpoints().sign(world.variant(LEDGER_SIGNING_KEY="a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="))
    *old, end = alice.get(f"{EXPORT}?format={format}").text.splitlines()
    world.sql.grant(alice.id, 2)
    new = alice.get(f"{EXPORT}?format={format}").text.splitlines()
    assert sum("checkpoint" in line for line in old) == 1
    assert new[: len(old)] == old and end not in new


def test_csv_is_what_comes_without_asking(alice: Person) -> None:
    """Something that people can open; other formats are refused."""
    rows = list(csv.DictReader(io.StringIO(alice.get(EXPORT).text)))
    assert [row["record"] for row in rows] == ["transaction", "end"]
    assert [json.loads(line)["record"] for line in alice.get(f"{EXPORT}?format=jsonl").text.splitlines()] == [
        "transaction",
        "end",
    ]
    error = check_shape(alice.get(f"{EXPORT}?format=pdf"), 422, "invalid_params")
    assert error["details"]["field"] == "format"


def test_a_receipt_is_never_half_a_file_that_looks_whole(
    app: Flask, alice: Person, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database away at first: 503. Away later: the file has no end, and the check says so."""
    monkeypatch.setattr(receipts, "PAGE", 3)
    for amount in range(1, 8):
        world.sql.grant(alice.id, amount)
    with world.supabase.outage("/rest"):
        check_shape(alice.get(EXPORT), 503, "unavailable")
    pieces = receipts.receipt(alice.user.caller, "csv")
    got = next(pieces) + next(pieces)
    with world.supabase.outage("/rest"), pytest.raises(Unavailable):
        next(pieces)
    path = tmp_path / "receipt"
    path.write_text(got, newline="")
    assert [problem.problem for problem in Check(read(path), {}).run().problems] == ["cut_off"]


def test_the_keys_of_checkpoints_are_public(app: Flask, alice: Person, world: World) -> None:
    """Without a token, as documented."""
    Checkpoints().sign(world.variant(LEDGER_SIGNING_KEY="a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="))
    answer = app.test_client().get(f"{CREDITS}/checkpoint-keys")
    assert answer.status_code == 200
    assert len(answer.json["data"][0]["public_key"]) == 64
    fits(alice, f"{CREDITS}/checkpoint-keys", answer.json)
