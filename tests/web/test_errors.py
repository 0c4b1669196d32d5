"""Errors: what the database refuses becomes the error of its code, and every answer has one shape."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.app import create_app
from backend.errors import BY_CODE, AppError, Internal, Unauthenticated, Unavailable
from backend.refusals import from_sql
from tests.web.conftest import NOWHERE, settings_for

FUNCTIONS = Path(__file__).parents[2] / "supabase" / "functions_sql"
RAISE = re.compile(r"raise exception using errcode = '(\w+)', message = '(\w+)'")
REFUSES = re.compile(r"\b([a-z_]+) (\d{3})\b")

# Said by Python alone, because the database is not asked, can't be, or is not where it is decided.
OF_PYTHON = {"not_found", "method_not_allowed", "payload_too_large", "rate_limited", "feature_disabled", "unavailable"}
OF_PYTHON |= {
    "payment_declined",
    "payments_not_configured",
    "invalid_signature",
    "provider_not_configured",
    "misconfigured",
}


def check_shape(answer: TestResponse, status: int, code: str) -> dict[str, object]:
    """Check the one shape and return the error in it."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/json"
    error: dict[str, object] = answer.json["error"]
    assert set(answer.json) == {"error"}
    assert set(error) == {"code", "message", "details", "request_id", "timestamp"}
    assert (error["code"], error["request_id"]) == (code, answer.headers["X-Request-Id"])
    assert isinstance(error["details"], dict)
    assert datetime.fromisoformat(str(error["timestamp"])).utcoffset() is not None
    assert str(error["timestamp"]).endswith("Z")
    return error


@pytest.mark.parametrize("kind", BY_CODE.values(), ids=BY_CODE)
def test_a_refusal_of_the_database_becomes_the_error_of_its_code(kind: type[AppError]) -> None:
    """errcode = status, message = code, detail = data, hint = sentence."""
    error = from_sql(f"PT{kind.status}", kind.code, '{"needed": 5, "message": "x"}', "Five are needed.")
    assert (type(error), error.status) == (kind, kind.status)
    shown = ("Five are needed.", {"needed": 5, "message": "x"})
    hidden = ("Something went wrong on our side.", {})  # what SQL says about its own bugs is for us
    assert (error.message, error.details) == (hidden if kind is Internal else shown)


@pytest.mark.parametrize(
    "state", ["08006", "53300", "57014", "57P01", "55P03", "25006", "40001", "40P01", "PGRST000", "PGRST003", "503"]
)
def test_an_outage_is_unavailable(state: str) -> None:
    """A database that is away, full, too slow or in conflict with itself is no fault of the request."""
    assert isinstance(from_sql(state, "whatever"), Unavailable)


@pytest.mark.parametrize("state", ["PGRST301", "PGRST303"])
def test_a_token_that_ran_out_on_the_way_is_unauthenticated(state: str) -> None:
    """It was good here and no longer good there."""
    assert isinstance(from_sql(state, "JWT expired"), Unauthenticated)


@pytest.mark.parametrize("state", ["23505", "42501", "P0001", "PGRST202", "XX000", "", None, "PT600"])
def test_anything_else_is_a_bug_without_internals(state: str | None) -> None:
    """What nobody foresaw is logged and never shown."""
    error = from_sql(state, 'relation "secret_table" does not exist', "row 17", "look here")
    assert isinstance(error, Internal)
    assert (error.message, error.details) == ("Something went wrong on our side.", {})


def test_a_refusal_of_a_newer_schema_stays_a_refusal() -> None:
    """A deploy migrates first, so the database may refuse in a way this release has no class for."""
    error = from_sql("PT409", "gift_already_opened", '{"gift": 1}', "Somebody was faster.")
    assert (error.status, error.code, error.details) == (409, "gift_already_opened", {"gift": 1})


@pytest.mark.parametrize("detail", [None, "", "no json", "[1]", "null", '"x"'])
def test_a_detail_that_is_no_object_is_left_out(detail: str | None) -> None:
    """Details are an object, always."""
    assert from_sql("PT402", "insufficient_credits", detail).details == {}


def test_codes_in_sql_and_python_are_one_list_with_equal_status() -> None:
    """Every code that SQL raises has its class with the same status, and no class is left over."""
    raised = {found for path in FUNCTIONS.rglob("*.sql") for found in RAISE.findall(path.read_text())}
    assert raised, "no refusals found: has the form of raise changed?"
    assert {(state, code) for state, code in raised} <= {(f"PT{kind.status}", kind.code) for kind in BY_CODE.values()}
    assert set(BY_CODE) - {code for _, code in raised} <= OF_PYTHON


def test_every_raise_in_sql_has_the_one_form() -> None:
    """A raise in another form would escape the list above. (regression: C6: none of them is 40001 or 40P01)"""
    for path in FUNCTIONS.rglob("*.sql"):
        text = path.read_text()
        assert len(re.findall(r"\braise exception\b", text)) == len(RAISE.findall(text)), path
        assert not re.search(r"errcode = '40(001|P01)'", text), path


def test_codes_in_headers_of_sql_files_are_known() -> None:
    """The header of a function file names its refusals with their status."""
    for path in FUNCTIONS.rglob("*.sql"):
        header = "".join(line for line in path.read_text().splitlines() if line.startswith("--"))
        for code, status in REFUSES.findall(header.partition("Refuses")[2]):
            assert code in BY_CODE, (path, code)
            assert BY_CODE[code].status == int(status), (path, code)


def test_codes_in_the_document_are_the_same_list(client: FlaskClient) -> None:
    """The OpenAPI document names every code, and gives each an example under its own status."""
    document = client.get("/openapi.json").json
    assert document["components"]["schemas"]["ErrorDetail"]["properties"]["code"]["enum"] == sorted(BY_CODE)
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                for example in response["content"].get("application/json", {}).get("examples", {}).values():
                    assert BY_CODE[example["value"]["error"]["code"]].status == int(status)


def test_an_unknown_path_is_404(client: FlaskClient) -> None:
    """In the shape of every error."""
    check_shape(client.get("/api/v1/nothing"), 404, "not_found")


def test_a_wrong_method_is_405_and_names_the_right_ones(client: FlaskClient) -> None:
    """With Allow."""
    answer = client.delete("/api/v1/generations")
    check_shape(answer, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


def broken() -> Flask:
    """Return an app with routes that go wrong."""
    app = create_app(settings_for(NOWHERE))

    def bug() -> None:
        raise KeyError("sb_secret_abc and other internals")

    app.add_url_rule("/bug", view_func=bug)
    app.add_url_rule("/bytes", view_func=lambda: object())
    return app


@pytest.mark.parametrize("path", ["/bug", "/bytes"])
def test_a_bug_is_500_without_internals_and_logged(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    """People get a request id, we get the traceback."""
    answer = broken().test_client().get(path)
    error = check_shape(answer, 500, "internal")
    assert error["message"] == "Something went wrong on our side."
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    logged = next(line for line in lines if line["level"] == "error")
    assert logged["request_id"] == error["request_id"]
    assert "Traceback" in logged["exception"]
    assert "sb_secret_abc" not in logged["exception"]
