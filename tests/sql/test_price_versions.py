"""Prices have versions: a generation keeps the one it was made with, and its cost is told by it."""

from __future__ import annotations

import uuid

import psycopg
import pytest

from tests.factories import Json, Sql

FLUX = "fal/flux-dev"  # 5 credits and 25,000 micros per megapixel


def change(sql: Sql, what: str, model: str = FLUX) -> int:
    """Update a model as an operator does, and say which version it then has."""
    return int(sql.one(f"update public.models set {what} where id = %s returning price_version", model))


def versions(sql: Sql, model: str = FLUX) -> list[Json]:
    """(version, unit_credits, cost_unit_micros) of every version, oldest first."""
    query = "select version, unit_credits, cost_unit_micros from public.model_prices where model_id = %s order by 1"
    return sql.connection.execute(query, [model]).fetchall()


def complete(sql: Sql, claim: Json, **more: Json) -> int | None:
    """Settle a claimed generation; what it cost us."""
    sql.as_service("complete_generation", p_generation_id=claim["id"], p_attempt=1, p_outputs=[], **more)
    cost: int | None = sql.one("select cost_micros from public.generations where id = %s", claim["id"])
    return cost


def test_each_change_of_a_price_is_a_version_and_stays(sql: Sql) -> None:
    """One update is all there is to do; whatever decides no price or cost makes no version."""
    assert versions(sql) == [(1, 5, 25000)]
    assert change(sql, "unit_credits = 6") == 2
    assert change(sql, "title = 'Flux', max_credits = 200, price_version = 40") == 2
    assert change(sql, "cost_unit_micros = 20000") == 3
    assert change(sql, "params_schema = jsonb_set(params_schema, '{properties,width,default}', '512')") == 4
    assert versions(sql) == [(1, 5, 25000), (2, 6, 25000), (3, 6, 20000), (4, 6, 20000)]


def test_every_model_has_its_present_price_in_the_history(sql: Sql) -> None:
    """Also those that were there before there was one, and those of the seed."""
    query = """
    select m.id from public.models m left join public.model_prices p
      on (p.model_id, p.version) = (m.id, m.price_version)
    where row(p.base_credits, p.unit, p.unit_credits, p.params_schema, p.cost_base_micros, p.cost_unit_micros)
      is distinct from
      row(m.base_credits, m.unit, m.unit_credits, m.params_schema, m.cost_base_micros, m.cost_unit_micros)
    """
    assert sql.connection.execute(query).fetchall() == []


@pytest.mark.parametrize(
    "statement", ["update public.model_prices set unit_credits = 1", "delete from public.model_prices"]
)
def test_nobody_changes_the_history_of_prices(sql: Sql, statement: str) -> None:
    """Not even the owner of the tables, by mistake."""
    with pytest.raises(psycopg.Error, match="forbidden"), sql.connection.transaction():
        sql.connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement", ["delete from public.models where id = %s", "update public.models set id = 'x' where id = %s"]
)
def test_a_model_is_neither_deleted_nor_renamed(sql: Sql, statement: str) -> None:
    """Used or not: generations name it, and no foreign key says so (decision 0020)."""
    sql.connection.execute(
        "insert into public.models (id, provider, kind, title, base_credits, max_credits)"
        " values ('new', 'local', 'image', 'N', 1, 1)"
    )
    for model in ("local/picture", "new"):
        with pytest.raises(psycopg.errors.ForeignKeyViolation), sql.connection.transaction():
            sql.connection.execute(statement.encode(), [model])


def test_a_quote_tells_the_version(sql: Sql) -> None:
    """So that a client can see that a price has changed."""
    alice = sql.new_user()
    quoted = [sql.as_user(alice, "quote_generation", p_model_id=FLUX)]
    change(sql, "unit_credits = 50")
    quoted.append(sql.as_user(alice, "quote_generation", p_model_id=FLUX))
    assert [(quote["price_version"], quote["credits"]) for quote in quoted] == [(1, 4), (2, 40)]


def test_a_generation_keeps_the_price_that_it_was_made_with(sql: Sql) -> None:
    """Dearer, cheaper or of another size by default: what was started before is charged and costed as it was."""
    alice = sql.new_user(credits=100)
    started = sql.generate(alice, model=FLUX)
    change(sql, "unit_credits = 50, cost_unit_micros = 99000")
    change(
        sql, 'params_schema = jsonb_set(params_schema, \'{properties,width}\', \'{"type": "integer", "maximum": 300}\')'
    )
    claim = sql.claim(started)
    assert sql.one("select price_version from public.generations where id = %s", started["id"]) == 1
    assert complete(sql, claim) == 19661  # 1024 x 768 at 25,000 per megapixel, rounded up once
    assert sql.balance(alice) == (96, 0, 96)
    assert sql.one("select price_version from public.generations where id = %s", started["id"]) == 1


@pytest.mark.parametrize(
    ("model", "params", "told", "cost"),
    [
        (FLUX, {"width": 512, "height": 512, "num_images": 2}, None, 13108),
        (FLUX, {}, 123, 123),
        (FLUX, {}, 0, 0),
        ("fal/ltx-video", {"seconds": 8}, None, 320000),
        ("fal/kokoro", {}, None, 180),
        ("fal/sdxl", {}, None, None),
        ("local/picture", {}, None, 0),
    ],
)
def test_what_the_provider_tells_counts_and_else_what_is_known(
    sql: Sql, model: str, params: Json, told: int | None, cost: int | None
) -> None:
    """Null is unknown: nobody must take it for free."""
    started = sql.generate(sql.new_user(credits=200), model=model, **params)
    assert complete(sql, sql.claim(started), p_cost_micros=told) == cost


def test_what_a_failed_attempt_cost_stays_counted(sql: Sql) -> None:
    """Regression: H21, an answer that was paid for and not usable."""
    claim = sql.claim(sql.generate(sql.new_user(credits=50), model=FLUX))
    sql.as_service(
        "fail_generation", p_generation_id=claim["id"], p_attempt=1, p_error_code="provider_bad_answer",
        p_error_message="", p_retryable=True, p_cost_micros=1000,
    )  # fmt: skip
    assert sql.claim(claim)["attempt"] == 2
    sql.as_service("complete_generation", p_generation_id=claim["id"], p_attempt=2, p_outputs=[])
    assert sql.one("select cost_micros from public.generations where id = %s", claim["id"]) == 20661


def test_a_claim_says_what_the_provider_calls_the_model(sql: Sql) -> None:
    """And what kind of file is to come."""
    alice = sql.new_user(credits=200)
    claims = [sql.claim(sql.generate(alice, model=model)) for model in (FLUX, "fal/ltx-video", "local/picture")]
    assert [(claim["provider_model"], claim["kind"]) for claim in claims] == [
        ("fal-ai/flux/dev", "image"),
        ("fal-ai/ltx-2.3/text-to-video/fast", "video"),
        ("local/picture", "image"),
    ]


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_nobody_learns_what_a_model_costs_us(sql: Sql, role: str) -> None:
    """Neither from the table nor from the list."""
    listed = sql.as_anon("list_models")
    assert listed and not any("cost" in key for model in listed for key in model)
    for column in ("cost_base_micros", "cost_unit_micros", "*"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), sql.connection.transaction():
            sql.connection.execute(f"set local role {role}".encode())
            sql.connection.execute(f"select {column} from public.models".encode())


def test_every_fal_model_has_margin_at_a_cent_per_credit(sql: Sql) -> None:
    """At least a third of what a default request is sold for stays, wherever the cost is known."""
    alice = sql.new_user(credits=2000)
    models = [row["id"] for row in sql.as_anon("list_models") if row["provider"] == "fal"]
    assert {"fal/flux-schnell", FLUX, "fal/sdxl", "fal/upscale", "fal/ltx-video", "fal/kokoro"} <= set(models)
    costs = {}
    for model in models:
        params = {"image": f"images/{alice}/cat.png"} if model == "fal/upscale" else {}
        started = sql.generate(alice, model=model, **params)
        cost = sql.one("select private.expected_cost(g) from public.generations g where g.id = %s", started["id"])
        costs[model] = cost and cost / (started["credits"]["reserved"] * 10_000)
    assert costs.pop("fal/sdxl") is None
    assert costs and max(costs.values()) < 2 / 3, costs


def test_a_model_added_by_hand_begins_with_version_one(sql: Sql) -> None:
    """Whatever number is given; and adding it again changes nothing."""
    name = f"test/{uuid.uuid4().hex}"
    insert = (
        "insert into public.models (id, provider, kind, title, base_credits, max_credits, price_version)"
        f" values ('{name}', 'local', 'image', 'T', 3, 3, 9)"
    )
    sql.connection.execute(insert.encode())
    sql.connection.execute(f"{insert} on conflict (id) do nothing".encode())
    sql.connection.execute(f"{insert} on conflict (id) do update set base_credits = 3".encode())
    assert versions(sql, name) == [(1, 0, None)]
