"""Check the records of a receipt: the chain, the running balance, the checkpoints and the end."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from scripts.receipts.ed25519 import is_signed
from scripts.receipts.reading import NUMBERS, Record

HASHED = (
    *("wallet_id", "kind", "amount", "balance_after", "absorbed", "contra", "reservation_id", "reverses_id", "lots"),
    *("actor", "created_at"),
)
FIRST = ("reservation_id", "reverses_id", "prev_hash")  # the first row follows nothing
EMPTY = ("wallet_id", "hash")  # somebody without a ledger
NEEDED = {
    "transaction": (*HASHED, "id", "prev_hash", "hash"),
    "checkpoint": ("wallet_id", "day", "id", "hash", "balance_after", "key_id", "public_key", "signature"),
    "end": ("wallet_id", "rows", "balance_after", "hash"),
}


@dataclass(frozen=True)
class Problem:
    """Something that an untouched receipt does not have."""

    line: int
    id: int | None
    problem: str
    detail: str


@dataclass
class Report:
    """What was found."""

    wallet_id: str | None = None
    rows: int = 0
    balance: int = 0
    ledger_head: str = ""
    checkpoints: int = 0
    keys: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def _in_order(value: Any) -> Any:
    """Order keys as PostgreSQL's jsonb does, shorter ones first, whatever tool has rewritten the file."""
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value, key=lambda key: (len(key.encode()), key.encode()))}
    return [_in_order(item) for item in value] if isinstance(value, list) else value


def row_hash(row: Record) -> str:
    """Return sha256(prev_hash || canonical row) of a ledger row, as functions_sql/credits/ledger_hash.sql makes it."""
    facts = json.dumps([_in_order(row.get(name)) for name in HASHED], ensure_ascii=False)
    return hashlib.sha256(bytes.fromhex(str(row.get("prev_hash") or "")) + facts.encode()).hexdigest()


def checkpoint_text(checkpoint: Record) -> bytes:
    """Return what the signature of a checkpoint is over."""
    names = ("wallet_id", "day", "id", "hash", "balance_after")
    return json.dumps(["scrip-checkpoint-1", *(checkpoint.get(name) for name in names)]).encode()


class Check:
    """Reads records in order and notes what does not fit."""

    def __init__(self, records: list[tuple[int, Record]], trusted: dict[str, bytes]) -> None:
        self.report = Report()
        self._records, self._trusted = records, trusted
        rows = [(line, row) for line, row in records if row.get("record") == "transaction"]
        self._line_of = {str(row.get("hash")): line for line, row in rows}
        self._last_id, self._line, self._ended = 0, 0, False

    def run(self) -> Report:
        """Return the report."""
        steps = {"transaction": self._transaction, "checkpoint": self._checkpoint, "end": self._end}
        for line, record in self._records:
            self._line, kind = line, str(record.get("record"))
            if self._ended:
                self._note(record, "added", "there is something after the end of the receipt")
            elif kind not in steps or not self._is_complete(kind, record):
                self._note(record, "altered", "this line is no record of a receipt")
            else:
                self._same_wallet(record)
                steps[kind](record)
        if not self._ended:
            self._note({}, "cut_off", "its last line is missing: rows were dropped, or the download broke off")
        return self.report

    def _note(self, record: Record, problem: str, detail: str) -> None:
        number = record.get("id")
        self.report.problems.append(Problem(self._line, number if isinstance(number, int) else None, problem, detail))

    @staticmethod
    def _is_complete(kind: str, record: Record) -> bool:
        optional = {"transaction": FIRST, "end": EMPTY}.get(kind, ())
        present = all(record.get(name) is not None or name in optional for name in NEEDED[kind])
        return present and all(type(record.get(name) or 0) is int for name in NUMBERS)

    def _same_wallet(self, record: Record) -> None:
        self.report.wallet_id = self.report.wallet_id or record.get("wallet_id")
        if record.get("wallet_id") != self.report.wallet_id:
            self._note(record, "altered", "it belongs to another wallet than the rows before it")

    def _transaction(self, row: Record) -> None:
        found, prev_hash = self.report, str(row.get("prev_hash") or "")
        try:
            recomputed = row_hash(row)
        except ValueError:
            recomputed = ""
        if recomputed != row.get("hash"):
            self._note(row, "altered", "its facts and its hash do not agree")
        elif prev_hash != found.ledger_head and prev_hash in self._line_of:
            self._note(row, "reordered", f"it must follow the row of line {self._line_of[prev_hash]}")
        elif prev_hash != found.ledger_head:
            self._note(row, "dropped", f"what it follows is not there: {self._gap(row['id'])}")
        elif row["id"] <= self._last_id:
            self._note(row, "altered", f"its id must be above {self._last_id}")
        elif row["balance_after"] != found.balance + row["amount"]:
            sum_ = f"{found.balance} and {row['amount']} are not {row['balance_after']}"
            self._note(row, "altered", f"its balance is wrong: {sum_}")
        self._last_id, found.balance, found.ledger_head = row["id"], row["balance_after"], str(row.get("hash"))
        found.rows += 1

    def _gap(self, number: int) -> str:
        before = f"after row {self._last_id}" if self._last_id else "at the beginning"
        return f"a row {before} and before row {number} was dropped, or altered together with its hash"

    def _checkpoint(self, signed: Record) -> None:
        found = self.report
        found.checkpoints += 1
        if (signed["id"], signed["hash"], signed["balance_after"]) != (self._last_id, found.ledger_head, found.balance):
            self._note(signed, "rewritten", f"on {signed['day']} another history up to row {signed['id']} was signed")
        key = self._key(signed)
        if key is None:
            self._note(signed, "unknown_key", f"it is signed by {signed['key_id']}, which is not the key that you gave")
        elif not is_signed(key, checkpoint_text(signed), _bytes(signed["signature"])):
            self._note(signed, "bad_signature", f"the checkpoint of {signed['day']} was altered or is forged")
        else:
            found.keys[key_id(key)] = key.hex()

    def _key(self, signed: Record) -> bytes | None:
        if self._trusted:
            return self._trusted.get(str(signed["key_id"]))
        own = _bytes(signed["public_key"])
        return own if key_id(own) == signed["key_id"] else b""

    def _end(self, end: Record) -> None:
        found, self._ended = self.report, True
        said = (end["rows"], end["balance_after"], str(end.get("hash") or ""))
        if said != (found.rows, found.balance, found.ledger_head):
            self._note(end, "dropped", f"it names {said[0]} rows and a balance of {said[1]}; this file ends otherwise")


def key_id(public_key: bytes) -> str:
    """Return the short name of a public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def _bytes(text: Any) -> bytes:
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError):
        return b""
