"""Check a receipt, offline: `python scripts/verify_receipt.py FILE`. docs/receipts.md says what a receipt proves."""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # started as a file, from anywhere
    sys.path.insert(0, str(ROOT))

from scripts.receipts.checking import Check, Report, key_id  # noqa: E402 - needs the line above
from scripts.receipts.reading import NoReceipt, read  # noqa: E402

EXAMPLES = """examples:
  python scripts/verify_receipt.py credits.csv
  python scripts/verify_receipt.py credits.jsonl --public-key 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
  python scripts/verify_receipt.py credits.csv --json

exit codes: 0 sound, 1 not sound, 2 no receipt or misuse
"""  # noqa: E501 - a key is as long as it is


def main(arguments: Sequence[str]) -> int:
    """Check one file and say what was found; return the exit code."""
    options = parse(arguments)
    try:
        records = read(options.file)
        if not records:
            raise NoReceipt(f"{options.file} is empty")
    except NoReceipt as error:
        sys.stderr.write(f"{error}\n")
        return 2
    report = Check(records, {key_id(key): key for key in options.public_key}).run()
    sys.stdout.write(as_json(report) if options.json else as_text(options.file, report, bool(options.public_key)))
    return 1 if report.problems else 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="verify_receipt.py",
        description="Checks a receipt of credits offline, with nothing but the file: no row altered, dropped or moved, "
        "balances that add up, and signed checkpoints that agree.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="what /api/v1/credits/transactions/export gave: CSV or JSON lines"
    )
    parser.add_argument(
        "--public-key",
        type=public_key,
        action="append",
        default=[],
        metavar="KEY",
        help="accept only checkpoints of this key (hex or base64; may be repeated), not those that the file names",
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    return parser.parse_args(arguments)


def public_key(text: str) -> bytes:
    """Return the 32 bytes of a key on the command line."""
    try:
        key = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != 32:
        raise argparse.ArgumentTypeError("a public key has 32 bytes: 64 hex digits, or 44 characters of base64")
    return key


def as_json(report: Report) -> str:
    """Return the report for machines."""
    return json.dumps({"sound": not report.problems, **asdict(report)}, indent=2) + "\n"


def as_text(file: Path, report: Report, trusted: bool) -> str:
    """Return the report for people: the first problem decides, what follows it may only be its consequence."""
    if report.problems:
        first, more = report.problems[0], len(report.problems) - 1
        row = "" if first.id is None else f", row {first.id}"
        also = f"\n{more} more after it; --json lists them." if more else ""
        return f"NOT SOUND: {file}\nline {first.line}{row}: {first.problem}: {first.detail}{also}\n"
    rows, keys = f"{report.rows} rows, balance {report.balance}", ", ".join(report.keys)
    signed = f"{report.checkpoints} signed checkpoints, by {keys}" if keys else "no signed checkpoints"
    note = "" if trusted or not keys else f"\n{OWN_KEY}"
    return f"sound: {file}\nwallet {report.wallet_id}: {rows}; {signed}{note}\n"


OWN_KEY = "The key came with the file: compare it with the one you know, and give that with --public-key."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
