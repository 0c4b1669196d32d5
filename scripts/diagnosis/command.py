"""The command line of scripts/doctor.py."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from scripts.comparison.command import main as compare
from scripts.diagnosis import (
    access,
    admins,
    billing,
    books,
    clocks,
    database,
    flags,
    outside,
    project,
    prompts,
    providers,
    queue,
    report,
    tokens,
    variables,
    watch,
)
from scripts.diagnosis.findings import Check, Finding, diagnose
from scripts.diagnosis.patient import Patient
from scripts.diagnosis.surroundings import NotThere, from_file, from_stack
from scripts.local.places import DEFAULT_HOME

EPILOG = """
Without --url it examines the environment that Scrip's own processes would get: variables, Supabase project, database,
access, books, queue, alerts, clocks. With DATABASE_URL set it looks into the database too. It changes nothing.
With --url it examines a deployed backend from outside, and needs no variable.

  python scripts/doctor.py                                  the variables of this shell
  python scripts/doctor.py --local                          the stack that scripts/start runs
  python scripts/doctor.py --env-file .env.production       before a deploy
  python scripts/doctor.py --user 6f1c...e2                 sign that account in and out: proves the token hook
  python scripts/doctor.py --url https://api.example.com --origin https://app.example.com
  python scripts/doctor.py compare .env.staging .env.production      what differs between two (see compare --help)
  python scripts/doctor.py --json | jq '.findings[] | select(.state == "failure")'

Exit codes: 0 nothing failed (warnings are allowed), 1 something failed, 2 misuse. docs/doctor.md explains each finding.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine an environment or a backend, and say what was found."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["compare"]:
        return compare(given[1:])
    options = _parser().parse_args(given)
    try:
        patient = _patient(options, os.environ)
    except NotThere as error:
        sys.stderr.write(f"{error}\n")
        return 2
    started = time.monotonic()
    findings = examine(patient)
    seconds = time.monotonic() - started
    if options.json:
        sys.stdout.write(json.dumps(report.as_json(findings, seconds), indent=2) + "\n")
    else:
        report.show(findings, seconds, report.console_for_people())
    return 1 if any(one.state == "failure" for one in findings) else 0


def examine(patient: Patient) -> list[Finding]:
    """Run the checks that fit the patient, and take every secret out of what they say."""
    found = diagnose(patient, checks_for(patient))
    return [replace(one, cause=patient.scrub(one.cause), mend=patient.scrub(one.mend)) for one in found]


def checks_for(patient: Patient) -> list[Check]:
    """Return the checks in the order in which their findings are shown."""
    if patient.url:
        return list(outside.CHECKS)
    of_database = database.CHECKS if patient.database_url else database.CHECKS_BY_REST
    return [
        *(*variables.CHECKS, *project.CHECKS, *tokens.CHECKS, *providers.CHECKS),
        *(*of_database, *access.CHECKS, *books.CHECKS, *billing.CHECKS),
        *(*admins.CHECKS, *flags.CHECKS, *prompts.CHECKS),
        *(*queue.CHECKS, *watch.CHECKS, *clocks.CHECKS),
    ]


def _patient(options: argparse.Namespace, shell: Mapping[str, str]) -> Patient:
    if options.url:
        return Patient({}, url=_backend(options.url), origins=tuple(options.origin))
    if options.origin:
        raise NotThere("--origin goes with --url.")
    if options.local:
        environ, login = from_stack(options.local.resolve(), shell)
        return Patient(environ, user_id=options.user, login=None if options.user else login)
    environ = from_file(options.env_file, shell) if options.env_file else dict(shell)
    return Patient(environ, user_id=options.user)


def _backend(url: str) -> str:
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not parts.username
    except ValueError:
        right = False
    if not right:
        raise NotThere("--url takes the backend's address, such as https://api.example.com")
    return url.rstrip("/").removesuffix("/api/v1")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="doctor.py",
        description="Says what is wrong with an environment, before users do.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--url", default="", help="a deployed backend, examined from outside only")
    where.add_argument(
        *("--local",), type=Path, nargs="?", const=DEFAULT_HOME, metavar="DIR", help="the running local stack (.local)"
    )
    where.add_argument("--env-file", type=Path, metavar="FILE", help="variables from a file, none from the shell")
    parser.add_argument("--origin", action="append", default=[], help="with --url: a page's origin; repeatable")
    parser.add_argument("--user", default="", metavar="ID", help="id of an account to sign in and out")
    parser.add_argument("--json", action="store_true", help="for machines")
    return parser
