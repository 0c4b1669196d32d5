"""Prices: base credits plus credits per unit, rounded up once, within the model's limits."""

from __future__ import annotations

import json

import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused

NUMBERS = {"width": (64, 2048, 1000), "height": (64, 2048, 1000), "num_images": (1, 4, 1), "seconds": (1, 60, 5)}


def model(
    sql: Sql, *, base: int, unit: str | None = None, per_unit: int = 0, maximum: int = 1000, **columns: object
) -> str:
    """A model `test/model` whose schema knows the parameters that prices use."""
    schema = {
        "type": "object",
        "properties": {
            name: {
                "type": "integer" if name == "num_images" else "number",
                "minimum": low,
                "maximum": high,
                "default": default,
            }
            for name, (low, high, default) in NUMBERS.items()
        },
    }
    sql.connection.execute(
        "insert into models (id, provider, kind, title, base_credits, unit, unit_credits, max_credits, params_schema)"
        " values ('test/model', 'local', 'image', 'Test', %s, %s, %s, %s, %s)",
        [base, unit, per_unit, maximum, json.dumps(schema)],
    )
    for name, value in columns.items():
        sql.connection.execute(f"update models set {name} = %s where id = 'test/model'", [value])  # type: ignore[arg-type]  # a constant
    return "test/model"


def quote(sql: Sql, params: Json = None, prompt: str | None = None) -> Json:
    return sql.as_user(sql.new_user(), "quote_generation", p_model_id="test/model", p_params=params, p_prompt=prompt)


@pytest.mark.parametrize(
    ("unit", "per_unit", "params", "prompt", "credits", "quantity"),
    [
        (None, 0, {}, None, 3, 0),
        ("images", 4, {}, None, 7, 1),
        ("images", 4, {"num_images": 3}, None, 15, 3),
        ("seconds", 2, {"seconds": 2.5}, None, 8, 2.5),
        ("seconds", 1, {"seconds": 2.1}, None, 6, 2.1),
        ("megapixels", 5, {}, None, 8, 1),
        ("megapixels", 5, {"width": 1024, "height": 1024, "num_images": 2}, None, 14, 2.097152),
        ("thousand_characters", 10, {}, "x" * 250, 6, 0.25),
    ],
)
def test_a_price_and_how_it_came_about(
    sql: Sql, unit: str | None, per_unit: int, params: Json, prompt: str | None, credits: int, quantity: float
) -> None:
    """Regression: H23, fractions of units are rounded up once, at the end. The base here is 3."""
    model(sql, base=3, unit=unit, per_unit=per_unit)
    breakdown = {"base_credits": 3, "unit": unit, "quantity": quantity, "unit_credits": per_unit}
    quoted = quote(sql, params, prompt)
    assert quoted == {"model": "test/model", "credits": credits, "price_version": 1, "breakdown": breakdown}


@pytest.mark.parametrize(
    ("unit", "params", "field"),
    [
        ("images", {"num_images": 5}, "params.num_images"),
        ("images", {"num_images": 0}, "params.num_images"),
        ("images", {"num_images": -3}, "params.num_images"),
        ("images", {"num_images": 1.5}, "params.num_images"),
        ("images", {"num_images": "2"}, "params.num_images"),
        ("images", {"num_images": True}, "params.num_images"),
        ("images", {"num_images": None}, "params.num_images"),
        ("images", {"num_images": [1]}, "params.num_images"),
        ("images", {"num_images": 1e300}, "params.num_images"),
        ("seconds", {"seconds": 0.5}, "params.seconds"),
        ("megapixels", {"width": 100000}, "params.width"),
        ("megapixels", {"height": 1}, "params.height"),
        ("images", [], "params"),
        ("images", {"junk": "x" * 20000}, "params"),
    ],
)
def test_what_the_price_depends_on_is_checked_in_sql(sql: Sql, unit: str, params: Json, field: str) -> None:
    """Regression: H17, the client's numbers never make a hold beyond the model's limits."""
    model(sql, base=3, unit=unit, per_unit=1)
    with refused(422, "invalid_params") as data:
        quote(sql, params)
    assert data["field"] == field


def test_a_price_has_a_ceiling(sql: Sql) -> None:
    """Regression: H17."""
    model(sql, base=3, unit="images", per_unit=10, maximum=30)
    assert quote(sql, {"num_images": 2})["credits"] == 23
    with refused(422, "invalid_params") as data:
        quote(sql, {"num_images": 3})
    assert (data["credits"], data["max_credits"]) == (33, 30)


def test_a_short_text_still_costs_a_credit(sql: Sql) -> None:
    """Nothing is free."""
    model(sql, base=0, unit="thousand_characters", per_unit=1)
    assert quote(sql, {}, "")["credits"] == 1


@pytest.mark.parametrize("change", ["base_credits = 0", "base_credits = -1", "unit_credits = -1", "max_credits = 0"])
def test_a_free_or_negative_price_never_enters_the_price_book(sql: Sql, change: str) -> None:
    """Regression: H1, the table refuses it."""
    model(sql, base=3)
    with pytest.raises(Exception, match="violates check constraint"), sql.connection.transaction():
        sql.connection.execute(f"update models set {change} where id = 'test/model'")  # type: ignore[arg-type]  # a constant


def test_a_quote_writes_nothing_and_is_what_create_reserves(sql: Sql) -> None:
    """One function prices both."""
    alice = sql.new_user(credits=20)
    quoted = sql.as_user(alice, "quote_generation", p_model_id="local/picture", p_params={"num_images": 3})
    assert sql.balance(alice) == (20, 0, 20)
    assert sql.generate(alice, num_images=3)["credits"]["reserved"] == quoted["credits"] == 12


def test_an_unknown_or_retired_model_is_not_found(sql: Sql) -> None:
    """And it is not listed."""
    model(sql, base=3, active=False)
    alice = sql.new_user(credits=10)
    for name in ("test/model", "no/such", None):
        with refused(404, "model_not_found"):
            sql.as_user(alice, "quote_generation", p_model_id=name)
    assert "test/model" not in {listed["id"] for listed in sql.as_anon("list_models")}


def test_models_are_listed_to_everyone(sql: Sql) -> None:
    """With all that a client needs to build a form."""
    listed = {entry["id"]: entry for entry in sql.as_anon("list_models")}
    assert {"local/picture", "local/always-fails", "local/flaky", "local/slow"} <= set(listed)
    picture = listed["local/picture"]
    assert picture["price"] == {"base_credits": 0, "unit": "images", "unit_credits": 4}
    assert picture["params_schema"]["properties"]["num_images"]["maximum"] == 4
