"""Splitting SQL: wrong here means a migration that runs half, so every way of hiding a semicolon has its case."""

from __future__ import annotations

import pytest

from scripts.migrations.statements import same_text, split, without_comments


def texts(sql: str) -> list[str]:
    return [one.text for one in split(sql)]


def test_statements_end_at_semicolons() -> None:
    """The ordinary case."""
    assert texts("select 1; select 2;\n select 3") == ["select 1", "select 2", "select 3"]


@pytest.mark.parametrize(
    "statement",
    [
        "select 'a;b''c;'",
        "select 'ends in a backslash\\'",
        r"select E'it\'s; fine'",
        'select "odd;name"" ;" from t',
        "select $$ a; b $$",
        "select $body$ $$;$$ ; $body$",
        "select 1 -- a; comment\n + 1",
        "select /* a; /* nested; */ ; */ 1",
        "create rule r as on insert to t do also (select 1; select 2)",
        "create function f() returns int begin atomic select case when true then 1 end; select 2; end",
        "select a$1;$1 from t".replace(";", ""),
        "create table atomic (begin_at int)",
    ],
)
def test_a_semicolon_that_is_not_the_end_does_not_split(statement: str) -> None:
    """Strings, identifiers, dollar quotes, comments, parentheses and atomic bodies hide semicolons."""
    assert texts(f"select 0;\n{statement};\nselect 9;") == ["select 0", statement, "select 9"]


def test_comments_stay_with_the_statement_below_them() -> None:
    """So that `supabase migration fetch` gives the comments back, the last one too."""
    assert texts("-- why\nselect 1;\n-- the end\n") == ["-- why\nselect 1", "-- the end"]
    assert [one.code for one in split("-- why\nselect 1; -- the end")] == ["select 1", ""]


def test_a_position_becomes_a_line_of_the_file() -> None:
    """PostgreSQL counts characters from the start of the statement, people count lines of the file."""
    statement = split("select 1;\n\n-- why\nselect\n  nonsense;\n")[1]
    assert statement.line_at(statement.text.index("nonsense") + 1) == 5
    assert statement.line_at(None) == 4


def test_an_unclosed_quote_is_one_statement_for_postgres_to_refuse() -> None:
    """Broken SQL never loops and never loses text."""
    for broken in ("select 'a; b", "select $x$ a; b", 'select "a; b', "select /* a; b", "select (1; 2"):
        assert texts(broken) == [broken]


def test_a_file_is_the_same_whoever_split_it() -> None:
    """The recorded statements may come from another splitter: only blanks and semicolons may differ in between."""
    sql = "-- why\nselect 1;;\n\nselect $$ a; b $$;\n"
    assert same_text(sql, ["-- why\nselect 1", "select $$ a; b $$"])
    assert same_text(sql, ["-- why", "select 1", "select $$ a; b $$;"])
    assert same_text(sql.replace("\n", "\r\n"), ["-- why\nselect 1", "select $$ a; b $$"])


@pytest.mark.parametrize("edited", ["select 2", "select 1; select 2", "select 1 -- x", "", "select  1"])
def test_any_edit_shows(edited: str) -> None:
    """Also a comment, an added statement, a removed one, a blank inside."""
    assert not same_text(edited, ["select 1"])


def test_comments_in_strings_are_no_comments() -> None:
    """Rules look at code without comments, and must not be fooled."""
    assert without_comments("select '-- no' -- yes\n, 1 /* gone */") == "select '-- no'  \n, 1  "
