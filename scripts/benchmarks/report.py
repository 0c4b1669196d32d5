"""The figures as people read them: on a terminal, as JSON, and as a page of the documentation."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from scripts.benchmarks.figures import Figure
from scripts.benchmarks.figures import show as digits
from scripts.local.binaries import find_bin_dir
from scripts.local.places import ROOT
from scripts.local.valkey import find_server

COLUMNS = ("figure", "found", "beside it", "ratio", "target", "")
LIBRARIES = ("flask", "gunicorn", "httpx", "postgrest", "rq", "redis", "pyjwt", "psycopg")


@dataclass(frozen=True)
class Run:
    """One run of the benchmarks."""

    at: datetime
    seconds: float
    command: str


def show(run: Run, figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print them."""
    if as_json:
        told = {"at": run.at.isoformat(), "seconds": round(run.seconds), "command": run.command, "machine": machine()}
        print(json.dumps({**told, "figures": [figure.as_json() for figure in figures]}, indent=2))
        return
    rows = [row(figure) for figure in figures]
    widths = [max(len(line[column]) for line in (COLUMNS, *rows)) for column in range(len(COLUMNS))]
    group = ""
    for figure, cells in zip(figures, rows, strict=True):
        if figure.group != group:
            group = figure.group
            print(f"\n{group}\n  {_line(COLUMNS, widths)}")
        print(f"  {_line(cells, widths)}")
    print(f"\n{summary(figures)} In {run.seconds:.0f} s.")


def page(run: Run, figures: Sequence[Figure]) -> str:
    """The page that is published, short falls included."""
    lines = [
        "# Benchmarks",
        "",
        f"Written by `{run.command}` on {run.at:%d %B %Y}, in {run.seconds / 60:.0f} minutes.",
        "Repeat it on a machine that does nothing else. Figures wander with the machine, ratios hardly: each figure",
        "is measured in turns with what stands beside it, and the target is one of the ratio where there is one.",
        "Why some fall short, and what was tried, stands in [scaling.md](scaling.md).",
        "",
    ]
    lines += [f"{summary(figures)}", "", *(f"- {name}: {told}" for name, told in machine().items())]
    group = ""
    for figure in figures:
        if figure.group != group:
            group = figure.group
            lines += ["", f"## {group.capitalize()}", "", f"| {' | '.join(COLUMNS)} |", "|---|--:|--:|--:|--:|---|"]
        lines.append(f"| {' | '.join(row(figure))} |")
    return "\n".join(lines) + "\n"


def row(figure: Figure) -> tuple[str, ...]:
    """The cells of a figure."""
    if figure.value is None:
        return figure.name, "", "", "", "", f"NOT MEASURED: {figure.why_not}"
    beside = f"{digits(figure.floor)} ({figure.floor_name})" if figure.floor is not None else figure.floor_name
    target = str(figure.target) if figure.target else ""
    told = "  ".join(filter(None, (figure.verdict, figure.also)))
    return (
        figure.name,
        f"{digits(figure.value)} {figure.unit}".strip(),
        beside,
        digits(figure.ratio),
        target,
        told,
    )


def summary(figures: Sequence[Figure]) -> str:
    """How many reach their target."""
    judged = [figure for figure in figures if figure.verdict in ("PASS", "FALLS SHORT")]
    passed = sum(figure.verdict == "PASS" for figure in judged)
    unmeasured = sum(figure.value is None for figure in figures)
    return f"{passed} of {len(judged)} targets reached" + (f", {unmeasured} not measured." if unmeasured else ".")


def machine() -> dict[str, str]:
    """What it ran on."""
    return {
        "machine": f"{os.cpu_count()} cores ({_processor()}), {_memory()}, {platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": _first_line([str(find_bin_dir() / "postgres"), "--version"]),
        "Redis": _first_line([str(find_server()), "--version"]),
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "Scrip": _first_line(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]),
    }


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    texts = [cells[0].ljust(widths[0])]
    texts += [cell.rjust(width) for cell, width in zip(cells[1:-1], widths[1:-1], strict=True)]
    return "  ".join([*texts, cells[-1]]).rstrip()


def _processor() -> str:
    if sys.platform == "linux":
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        if found:
            return found.group(1)
    return platform.processor() or platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _first_line(command: Sequence[str]) -> str:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except OSError:
        return "unknown"
    return next(iter(result.stdout.splitlines()), "unknown")
