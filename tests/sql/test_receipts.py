"""Receipts: whatever was changed, dropped or moved, in the database or in the file, is found offline and named."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scripts.receipts.checking import HASHED
from scripts.receipts.ed25519 import ORDER, is_signed
from scripts.verify_receipt import main
from tests.factories import Sql
from tests.sql.conftest import refused
from tests.sql.receipts import DAY, KEY, Format, export, pages, public, rewrite, sign, swap, tamper
from tests.sql.test_ledger import history

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "verify_receipt.py"
FORMATS: tuple[Format, ...] = ("csv", "jsonl")
Json = dict[str, Any]
Read = Callable[..., tuple[int, Json]]


@pytest.fixture(params=FORMATS)
def format(request: pytest.FixtureRequest) -> Format:
    """Each test is for both kinds of file."""
    return request.param  # type: ignore[no-any-return]  # one of FORMATS


@pytest.fixture
def alice(sql: Sql) -> uuid.UUID:
    """Six rows, signed; a day later two more, an expiry and a grant, signed too."""
    user = history(sql)
    sign(sql)
    sql.move_time(DAY)
    sql.grant(user, 7)
    sign(sql)
    return user


@pytest.fixture
def read(capsys: pytest.CaptureFixture[str]) -> Read:
    """Run the script on a file; returns its exit code and its report."""

    def run(path: Path, *options: str) -> tuple[int, Json]:
        code = main([str(path), "--json", *options])
        return code, json.loads(capsys.readouterr().out)

    return run


def ids(sql: Sql, user: uuid.UUID) -> list[int]:
    """The ledger's ids, oldest first."""
    query = "select id from credit_transactions where wallet_id = %s order by id"
    return [row[0] for row in sql.connection.execute(query, [sql.wallet(user)]).fetchall()]


def first(report: Json) -> tuple[str, int | None]:
    """The first problem and the row that it names."""
    return report["problems"][0]["problem"], report["problems"][0]["id"]


def test_an_untouched_receipt_is_sound(sql: Sql, alice: uuid.UUID, tmp_path: Path, format: Format) -> None:
    """With nothing but the file: an isolated Python that has no package at all."""
    path = export(sql, alice, format, tmp_path)
    run = [sys.executable, "-I", "-S", str(SCRIPT), str(path), "--public-key", public()]
    ended = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"wallet {sql.wallet(alice)}: 8 rows, balance 26; 2 signed checkpoints" in ended.stdout


def test_somebody_without_a_ledger_has_a_sound_receipt(sql: Sql, tmp_path: Path, format: Format, read: Read) -> None:
    """Also without a wallet."""
    bob = sql.new_user()
    assert read(export(sql, bob, format, tmp_path))[0] == 0
    sql.forget(bob)
    code, report = read(export(sql, bob, format, tmp_path))
    assert (code, report["rows"], report["wallet_id"]) == (0, 0, None)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("changed", "altered"),
        ("changed with its hash", "dropped"),
        ("removed", "dropped"),
        ("first removed", "dropped"),
        ("last removed", "rewritten"),
        ("swapped", "reordered"),
    ],
)
def test_what_was_done_to_the_ledger_is_found_by_both(
    sql: Sql, alice: uuid.UUID, tmp_path: Path, format: Format, read: Read, change: str, problem: str
) -> None:
    """verify_ledger in the database, verify_receipt in the file, and the file's check names the first row."""
    rows = ids(sql, alice)
    sound = read(export(sql, alice, format, tmp_path))[1]
    assert (sound["problems"], sql.problems()) == ([], [])
    delete = "delete from credit_transactions where id = %s"
    if change == "changed":
        tamper(sql, "update credit_transactions set amount = amount + 1 where id = %s", rows[3])
    if change == "changed with its hash":
        tamper(sql, "update credit_transactions set actor = 'me' where id = %s", rows[3])
        tamper(sql, "update credit_transactions t set hash = private.ledger_hash(t) where id = %s", rows[3])
    if change == "removed":
        tamper(sql, delete, rows[4])
    if change == "first removed":
        tamper(sql, "update credit_transactions set reverses_id = null where reverses_id = %s", rows[0])
        tamper(sql, delete, rows[0])
    if change == "last removed":
        tamper(sql, delete, rows[7])
    if change == "swapped":
        swap(sql, rows[3], rows[4])
    named = {
        "changed": 3,
        "changed with its hash": 4,
        "removed": 5,
        "first removed": 1,
        "last removed": 7,
        "swapped": 3,
    }
    code, report = read(export(sql, alice, format, tmp_path))
    assert (code, first(report)) == (1, (problem, rows[named[change]]))
    assert sql.problems(sql.wallet(alice))


def test_a_rewritten_history_is_found_by_both(
    sql: Sql, alice: uuid.UUID, tmp_path: Path, format: Format, read: Read
) -> None:
    """Chain and figures are right again; the checkpoints are not."""
    rewrite(sql, sql.wallet(alice))
    code, report = read(export(sql, alice, format, tmp_path))
    assert (code, {row["problem"] for row in report["problems"]}) == (1, {"rewritten"})
    assert {row["problem"] for row in sql.problems()} == {"checkpoint_differs"}


def lines_of(path: Path, format: Format) -> tuple[list[str], int]:
    """The lines of a file, and which is the first row's."""
    return path.read_bytes().decode().splitlines(keepends=True), 1 if format == "csv" else 0


def test_what_was_done_to_the_file_is_found(
    sql: Sql, alice: uuid.UUID, tmp_path: Path, format: Format, read: Read
) -> None:
    """Removed, swapped, doubled, cut off, or lengthened lines; line 6 of the rows is a checkpoint."""
    path, rows = export(sql, alice, format, tmp_path), ids(sql, alice)
    lines, at = lines_of(path, format)

    def after(changed: list[str]) -> tuple[str, int | None]:
        path.write_bytes("".join(changed).encode())
        code, report = read(path)
        assert code == 1
        return first(report)

    for number in range(6):
        found = after([*lines[: at + number], *lines[at + number + 1 :]])
        assert found == (("dropped", rows[number + 1]) if number < 5 else ("rewritten", rows[5]))
    for number in range(5):
        pair = [lines[at + number + 1], lines[at + number]]
        found = after([*lines[: at + number], *pair, *lines[at + number + 2 :]])
        assert found == ("reordered", rows[number + 1])
    assert after([*lines[: at + 2], lines[at + 1], *lines[at + 2 :]]) == ("reordered", rows[1])
    assert after(lines[:-1]) == ("cut_off", None)
    assert after([*lines[:-3], lines[-1]])[0] == "dropped"
    assert after([*lines, lines[at]]) == ("added", rows[0])
    assert after([*lines[:-1], lines[-1][: len(lines[-1]) // 2]])[0] in ("altered", "dropped")


def altered(line: str, format: Format, columns: list[str], name: str) -> str:
    """A row with another value in one of its fields."""
    if format == "jsonl":
        row = json.loads(line)
        row[name] = _other(row[name])
        return json.dumps(row) + "\n"
    cells = next(csv.reader([line]))
    at = columns.index(name)
    value: Any = cells[at]
    if name in ("amount", "balance_after", "absorbed", "reverses_id"):
        value = int(value) if value else None
    cells[at] = json.dumps(_other(json.loads(value))) if name == "lots" else str(_other(value or None))
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _other(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return value[1:] or [{"amount": 1}]
    if value is None:
        return 1
    return value[:-1] + ("1" if value[-1] == "0" else "0")


def test_every_fact_of_a_row_counts(sql: Sql, alice: uuid.UUID, tmp_path: Path, format: Format, read: Read) -> None:
    """A change of any one of them shows in that very row."""
    path, rows = export(sql, alice, format, tmp_path), ids(sql, alice)
    lines, at = lines_of(path, format)
    columns = next(csv.reader(lines[:1])) if format == "csv" else []
    for name in (*HASHED, "prev_hash", "hash"):
        changed = altered(lines[at + 2], format, columns, name)
        path.write_bytes("".join([*lines[: at + 2], changed, *lines[at + 3 :]]).encode())
        code, report = read(path)
        assert (code, first(report)) == (1, ("altered", rows[2])), name


def test_free_text_is_safe_in_a_spreadsheet_and_does_not_break_the_check(sql: Sql, tmp_path: Path, read: Read) -> None:
    """A formula is quoted; line breaks, quotes and other alphabets come through."""
    alice = sql.new_user()
    reasons = ['=HYPERLINK("http://evil")', "+1", "-1", "@x", "'=x", 'a\n"b"; ü, 漢', "\t=x", "plain"]
    for reason in reasons:
        sql.as_service(
            "grant_credits",
            p_user_id=alice, p_amount=1, p_source="admin", p_idempotency_key=uuid.uuid4().hex, p_reason=reason,
        )  # fmt: skip
    path = export(sql, alice, "csv", tmp_path)
    assert read(path)[0] == 0
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))[:-1]
    for row, reason in zip(rows, reasons, strict=True):
        assert row["reason"].removeprefix("'") == reason
        assert not row["reason"].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert read(export(sql, alice, "jsonl", tmp_path))[0] == 0


def test_a_forged_checkpoint_is_found(sql: Sql, alice: uuid.UUID, tmp_path: Path, format: Format, read: Read) -> None:
    """A signature that was changed, and a key that is not the one expected."""
    path = export(sql, alice, format, tmp_path)
    signature = next(pages(sql, alice, 100))["checkpoints"][0]["signature"]
    stranger = public(Ed25519PrivateKey.generate())
    assert {row["problem"] for row in read(path, "--public-key", stranger)[1]["problems"]} == {"unknown_key"}
    other = signature[:-4] + ("0000" if signature[-4:] != "0000" else "0001")
    path.write_text(path.read_text().replace(signature, other), newline="")
    code, report = read(path, "--public-key", public())
    assert (code, first(report)[0]) == (1, "bad_signature")


def test_checkpoints_of_an_old_key_stay_good(sql: Sql, alice: uuid.UUID, tmp_path: Path, read: Read) -> None:
    """After a change of keys both are accepted when both are given, and each is named."""
    newer = Ed25519PrivateKey.generate()
    sql.move_time(DAY)
    sql.grant(alice, 1)
    sign(sql, newer)
    path = export(sql, alice, "csv", tmp_path)
    assert set(read(path)[1]["keys"].values()) == {public(), public(newer)}
    assert read(path, "--public-key", public(), "--public-key", public(newer))[0] == 0
    assert read(path, "--public-key", public(newer))[0] == 1


@pytest.mark.parametrize("content", [b"", b"hello\nworld\n", b"\xff\xfe\x00", b"PK\x03\x04"])
def test_what_is_no_receipt_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    """Exit code 2, a sentence, no traceback."""
    path = tmp_path / "file"
    path.write_bytes(content)
    assert (main([str(path)]), main([str(tmp_path / "absent")])) == (2, 2)
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.parametrize("content", [b"{\n", b"[]\n", b'{"record": []}\n', b'{"record": "end"}\n', b"{" * 99_999])
def test_rubbish_is_not_sound(tmp_path: Path, read: Read, content: bytes) -> None:
    """Exit code 1: it began like one."""
    path = tmp_path / "file"
    path.write_bytes(b'{"record": "transaction", "id": true, "lots": [[[]]], "prev_hash": {}}\n' + content)
    assert read(path)[0] == 1


def test_a_bad_key_on_the_command_line_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2; --help shows an example."""
    for arguments in (["f", "--public-key", "abc"], ["f", "--public-key", "zz" * 32], []):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "python scripts/verify_receipt.py credits.csv" in capsys.readouterr().out


def test_a_page_of_a_receipt_has_a_sane_size(sql: Sql, alice: uuid.UUID) -> None:
    """422 naming the field; nothing of others."""
    for limit in (0, 1001, None):
        with refused(422, "invalid_params") as data:
            sql.as_user(alice, "export_credit_transactions", p_limit=limit)
        assert data == {"field": "limit"}
    assert sql.as_user(sql.new_user(), "export_credit_transactions", p_after=0)["data"] == []


def test_signatures_are_checked_as_the_standard_says() -> None:
    """RFC 8032, test 3; then against another implementation, with a bit changed anywhere."""
    key = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
    signature = bytes.fromhex(
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    )
    assert is_signed(key, b"\xaf\x82", signature)
    own, message = KEY.public_key().public_bytes_raw(), b"a text"
    signed = KEY.sign(message)
    assert is_signed(own, message, signed)
    for bit in range(0, 512, 13):
        assert not is_signed(own, message, (int.from_bytes(signed, "big") ^ 1 << bit).to_bytes(64, "big"))
    assert not is_signed(own, message + b".", signed)
    assert not is_signed(own, message, signed[:63])
    beyond = int.from_bytes(signed[32:], "little") + ORDER
    assert not is_signed(own, message, signed[:32] + beyond.to_bytes(32, "little"))
