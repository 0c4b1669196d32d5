"""The command line of scripts/prompts.py."""

from __future__ import annotations

import argparse
from pathlib import Path

import httpx

from scripts.api import Refused
from scripts.prompt_tools import actions, display
from scripts.prompt_tools.places import Reach, reach

HELP = """\
Moves system prompts between environments, and takes out what they repeat.

  export SCRIP_TOKEN=...                                       the access token of an admin
  scripts/prompts.py export --url https://staging.example.com -o prompts.json
  scripts/prompts.py diff prompts.json https://api.example.com
  scripts/prompts.py import prompts.json --url https://api.example.com

What would change is shown and asked for first; --yes answers. Each change can be undone."""
EXIT_CODES = "Exit codes: 0 done, or no difference · 1 refused, not confirmed, or a difference · 2 misuse."
EXAMPLES = {
    "export": """\
  scripts/prompts.py export --url https://api.example.com -o prompts.json
  scripts/prompts.py export --url https://api.example.com --sql -o supabase/migrations/20261201120000_prompts.sql""",
    "import": """\
  scripts/prompts.py import supabase/prompts.json --url https://api.example.com --dry-run
  pbpaste | scripts/prompts.py import - --url https://api.example.com --yes --reason "from staging\"""",
    "optimize": """\
  scripts/prompts.py optimize --url https://api.example.com
  scripts/prompts.py optimize --url https://api.example.com --remove "no blur" --remove "high quality\"""",
    "diff": """\
  scripts/prompts.py diff prompts.json https://api.example.com
  SCRIP_TOKEN_A=... SCRIP_TOKEN_B=... scripts/prompts.py diff https://staging.example.com https://api.example.com""",
    "undo": """\
  scripts/prompts.py undo 0b6e6f0c-5a55-4a51-8a0c-7d6f4d2f9a11 --url https://api.example.com""",
}
COMMANDS = {
    "export": (actions.export, "write the prompts of an environment into a file"),
    "import": (actions.load, "create or change prompts as a document says, all or none"),
    "optimize": (actions.optimize, "show phrases that prompts repeat, and take out those that you confirm"),
    "diff": (actions.diff, "compare two documents or environments"),
    "undo": (actions.undo, "put prompts back to what they were before a change"),
}


def main(arguments: list[str] | None = None, transport: httpx.BaseTransport | None = None) -> int:
    """Run a command and return its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    to: Reach = lambda url, *tokens: reach(parser, url, transport, *tokens)  # noqa: E731
    try:
        return COMMANDS[given.command][0](given, to)
    except Refused as error:
        display.complain(str(error), error.problems)
    except KeyboardInterrupt:
        display.complain("Stopped. What you had confirmed may be done: `diff` and the audit log tell.")
    return 1


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="scripts/prompts.py", description=HELP, epilog=EXIT_CODES, formatter_class=formatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    made = {}
    for name, (_, says) in COMMANDS.items():
        epilog = f"examples:\n{EXAMPLES[name]}"
        made[name] = commands.add_parser(
            name, help=says, description=f"{says[0].upper()}{says[1:]}.", epilog=epilog, formatter_class=formatter
        )
    _export(made["export"])
    _import(made["import"])
    _optimize(made["optimize"])
    made["diff"].add_argument("a", help="a document, or the address of an API (token: SCRIP_TOKEN_A or SCRIP_TOKEN)")
    made["diff"].add_argument("b", help="another (SCRIP_TOKEN_B or SCRIP_TOKEN)")
    made["undo"].add_argument("undo", metavar="CHANGE_ID", help="as the change told it")
    for name in ("import", "optimize", "undo"):
        _write(made[name])
    for name in ("import", "optimize", "undo", "diff"):
        made[name].add_argument("--json", action="store_true", help="answer in JSON")
    return parser


def _export(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--url", help="the address of the API")
    source.add_argument("file", nargs="?", help="a document instead, to make SQL of it")
    parser.add_argument("-o", "--output", type=Path, help="the file to write; otherwise it is printed")
    parser.add_argument("--sql", action="store_true", help="SQL for a migration instead of a document")
    parser.add_argument("--only-new", action="store_true", help="SQL that leaves prompts that are there as they are")


def _import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="a document; - reads what is piped or pasted in")
    parser.add_argument("--only-new", action="store_true", help="leave prompts that are there as they are")
    parser.add_argument(
        "--accept-changed", action="store_true", help="take a document that was edited after its export"
    )


def _optimize(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--remove", action="append", metavar="PHRASE", help="a phrase that shall go; can be repeated")
    what.add_argument("--all", action="store_true", help="all phrases that are found")
    what.add_argument("--undo", metavar="CHANGE_ID", help="take a change back, as the command undo does")
    parser.add_argument("--min-prompts", type=int, default=2, help="in how many prompts a phrase must be (2)")


def _write(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="the address of the API")
    parser.add_argument("--reason", help="why; it is written into the audit log")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be")
    parser.add_argument("--yes", action="store_true", help="do not ask")
