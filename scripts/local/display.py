"""What people see: steps, tables and figures; colours only on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_console = Console(highlight=False, soft_wrap=True)


def step(text: str) -> None:
    """One thing that is being done."""
    _print(f"[dim]{escape(text)}[/dim]" if text.startswith(" ") else f"[cyan]>[/cyan] {escape(text)}")


def heading(text: str) -> None:
    """The beginning of a part."""
    _print(f"\n[bold]{escape(text)}[/bold]")


def line(text: str = "") -> None:
    """A line as it is; never cut or wrapped, so that it can be copied."""
    _print(escape(text))


def good(text: str) -> None:
    """Something that is as it must be."""
    _print(f"  [green]ok[/green]  {escape(text)}")


def bad(text: str) -> None:
    """Something that is not as it must be."""
    _print(f"[bold red]scrip:[/bold red] {escape(text)}")


def facts(rows: Sequence[tuple[str, object]]) -> None:
    """Names and what they stand for, one a line."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        _print(f"  [bold]{escape(name.ljust(width))}[/bold]  {escape(str(value))}")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """A small table; `right` names the columns that hold figures."""
    shown = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        shown.add_row(*(escape(str(cell)) for cell in row))
    with suppress(OSError):
        _console.print(shown, crop=False)


def _print(markup: str) -> None:
    with suppress(OSError):  # the terminal may be gone; stopping in good order goes on
        _console.print(markup)
