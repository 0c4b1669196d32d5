"""Presets: what a provider is sent is put together from versions that a generation keeps."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from tests.factories import Json, Sql
from tests.sql.batching import batch
from tests.sql.conftest import refused
from tests.sql.prompting import prompt, undo, write
from tests.sql.staff import staff

STARTING_SET = Path(__file__).parents[2] / "supabase" / "prompts.json"
ALWAYS = [
    prompt("sharp", "sharp focus", "quality", always=True),
    prompt("clean", "blur, noise", "negative", always=True),
]


@pytest.fixture
def ada(sql: Sql) -> uuid.UUID:
    """An admin."""
    return staff(sql, "admin")


@pytest.fixture
def alice(sql: Sql) -> uuid.UUID:
    """Somebody with credits for a hundred pictures."""
    return sql.new_user(credits=400)


def make(
    sql: Sql, user: uuid.UUID, *presets: Json, model: str = "local/picture", text: str = "a red fox", **other: Json
) -> Json:
    """A generation with presets."""
    asked = {"p_model_id": model, "p_prompt": text, "p_params": {}, "p_idempotency_key": uuid.uuid4().hex}
    return sql.as_user(user, "create_generation", **{**asked, **other}, p_presets=list(presets))


def sent(sql: Sql, user: uuid.UUID, *presets: Json, **other: Json) -> tuple[str, Json]:
    """What the provider would be sent: prompt and parameters."""
    claim = sql.claim(make(sql, user, *presets, **other))
    return claim["prompt"], claim["params"]


def test_without_presets_the_prompt_is_the_users(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """To the letter; also when there are some that nobody chose, or that are off."""
    write(sql, ada, prompt("fog"), {**ALWAYS[0], "active": False})
    generation = make(sql, alice, text=" a red fox,\n ")
    assert generation["presets"] == []
    assert sql.claim(generation)["prompt"] == " a red fox,\n "


def test_presets_are_put_together_by_category_and_position(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """Event, the user's own, styles, the rest, quality, and what is to be avoided; a mark of its own ends a phrase."""
    write(
        sql, ada, *ALWAYS,
        prompt("ink", "ink wash.", position=2), prompt("fog", " thick fog\n", position=1),
        prompt("pan", "slow pan", "camera"), prompt("gala", "a gala", "event_type"),
    )  # fmt: skip
    generation = make(sql, alice, "ink", "pan", "fog", "gala")
    assert generation["prompt"] == "a red fox", "the user's own is not touched"
    assert generation["presets"] == [
        {"key": "gala", "version": 1}, {"key": "fog", "version": 1}, {"key": "ink", "version": 1},
        {"key": "pan", "version": 1}, {"key": "sharp", "version": 1, "always": True},
        {"key": "clean", "version": 1, "always": True},
    ]  # fmt: skip
    assert sql.claim(generation)["prompt"] == (
        "a gala, a red fox, thick fog, ink wash. slow pan, sharp focus. Avoid: blur, noise"
    )
    assert sent(sql, alice, text="Run!")[0] == "Run! sharp focus. Avoid: blur, noise"
    sql.connection.execute("update private.system_prompts set active = category = 'negative'")
    assert sent(sql, alice, text="a red fox, \n")[0] == "a red fox. Avoid: blur, noise"


def test_what_is_negative_has_its_own_parameter_where_there_is_one(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """Behind the user's own words."""
    write(sql, ada, *ALWAYS)
    assert sent(sql, alice, model="fal/sdxl") == ("a red fox, sharp focus", {"negative_prompt": "blur, noise"})
    asked = {"negative_prompt": "cats", "seed": 7}
    assert sent(sql, alice, model="fal/sdxl", p_params=asked)[1] == {"negative_prompt": "cats, blur, noise", "seed": 7}


@pytest.mark.parametrize("model", ["local/speech", "fal/kokoro"])
def test_speech_is_read_as_it_was_written(sql: Sql, ada: uuid.UUID, alice: uuid.UUID, model: str) -> None:
    """Nobody wants to hear "high quality"; not even when it was asked for."""
    write(sql, ada, *ALWAYS, prompt("fog"))
    generation = make(sql, alice, "fog", "watercolor", model=model, text="Hello.")
    assert sql.claim(generation)["prompt"] == "Hello."
    assert [preset["left_out"] for preset in generation["presets"]] == ["kind", "kind"]
    assert make(sql, alice, model=model)["presets"] == []


def test_a_preset_is_for_its_kinds_of_models(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """A camera that moves is nothing for a picture."""
    write(sql, ada, prompt("pan", "slow pan", "camera", kinds=["video"], always=True), prompt("orbit", kinds=["video"]))
    generation = make(sql, alice, "orbit")
    assert generation["presets"] == [{"key": "orbit", "version": 1, "left_out": "kind"}]
    assert sql.claim(generation)["prompt"] == "a red fox"
    assert sent(sql, alice, "orbit", model="fal/ltx-video")[0] == "a red fox, soft edges, slow pan"


def test_the_very_next_generation_has_an_edit_and_one_that_waits_has_not(
    sql: Sql, ada: uuid.UUID, alice: uuid.UUID
) -> None:
    """Nothing is remembered anywhere: what was queued keeps its version through edits, switching off and undoing."""
    written = write(sql, ada, prompt("fog", "thick fog"))
    first = make(sql, alice, "fog")
    write(sql, ada, {"key": "fog", "content": "thin fog"})
    second = make(sql, alice, "fog")
    write(sql, ada, {"key": "fog", "category": "event_type", "position": 9, "active": False})
    assert [one["presets"][0]["version"] for one in (first, second)] == [1, 2]
    assert [sql.claim(one)["prompt"] for one in (first, second)] == ["a red fox, thick fog", "a red fox, thin fog"]
    other = write(sql, ada, prompt("rain", "heavy rain"))
    third = make(sql, alice, "rain")
    undo(sql, ada, other)
    assert sql.claim(third)["prompt"] == "a red fox, heavy rain", "also when the prompt is there no more"
    assert written["prompts"][0]["version"] == 1


def test_a_second_attempt_sends_the_very_same_text(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """The provider may be asked to go on with the first one's request."""
    write(sql, ada, *ALWAYS, prompt("fog", "thick fog"))
    generation = make(sql, alice, "fog", "watercolor")
    first = sql.claim(generation)
    failure = {"p_error_code": "x", "p_error_message": "no", "p_retryable": True}
    sql.as_service("fail_generation", p_generation_id=first["id"], p_attempt=1, **failure)
    write(sql, ada, prompt("fog", "no fog"), prompt("watercolor", "other"), {"key": "sharp", "content": "blurred"})
    sql.move_time(3600)
    sql.as_service("list_dispatchable", p_limit=10)
    second = sql.claim(generation)
    assert second["attempt"] == 2
    assert (second["prompt"], second["params"]) == (first["prompt"], first["params"])


def test_what_does_not_fit_is_left_out(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """A preset is never why a prompt is refused, and never cut; what fits behind it is used."""
    limit = sql.one("select max_prompt_chars from models where id = 'local/picture'")
    write(sql, ada, *ALWAYS, prompt("fog", "f" * 100))
    generation = make(sql, alice, "fog", text="x" * (limit - 30))
    assert [preset.get("left_out") for preset in generation["presets"]] == ["length", None, "length"]
    assert sql.claim(generation)["prompt"] == "x" * (limit - 30) + ", sharp focus"
    assert sent(sql, alice, "fog", text="x" * limit)[0] == "x" * limit
    words = {"negative_prompt": "y" * 995}
    assert sent(sql, alice, model="fal/sdxl", p_params=words) == ("a red fox, sharp focus", words)
    with refused(422, "invalid_params") as data:
        make(sql, alice, text="x" * (limit + 1))
    assert data == {"field": "prompt"}


def test_a_limit_that_shrinks_leaves_presets_out_of_what_waits(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """Rather than failing what was accepted; the user's own prompt is the worker's to judge."""
    write(sql, ada, *ALWAYS)
    generation = make(sql, alice)
    sql.connection.execute("update models set max_prompt_chars = 30 where id = 'local/picture'")
    assert sql.claim(generation)["prompt"] == "a red fox, sharp focus"


def test_a_missing_preset_falls_back_to_a_built_in(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """Or is left out; either is written down and counted, and no error. Made-up keys are no names of metrics."""
    write(sql, ada, prompt("line-art", "mine", active=False), prompt("oil-painting", "my own oil"))
    generation = make(sql, alice, "watercolor", "line-art", "oil-painting", "Nothing Like It!")
    assert generation["presets"] == [
        {"key": "line-art", "version": None},
        {"key": "oil-painting", "version": 1},
        {"key": "watercolor", "version": None},
        {"key": "Nothing Like It!", "version": None, "left_out": "missing"},
    ]
    claim = sql.claim(generation)
    assert (
        "watercolor painting" in claim["prompt"] and "my own oil" in claim["prompt"] and "line art" in claim["prompt"]
    )
    sql.as_service("complete_generation", p_generation_id=claim["id"], p_attempt=1, p_outputs=[])
    sql.claim(make(sql, alice, "oil-painting"))
    sql.move_time(60)
    sql.as_service("collect_metrics")
    totals = sql.as_service("get_metrics")["totals"]
    counted = {row["labels"]["preset"]: row["value"] for row in totals if row["name"] == "preset_fallbacks"}
    assert counted == {"line-art": 1, "watercolor": 1, "(unknown)": 1}


def test_every_built_in_is_in_the_starting_set(sql: Sql) -> None:
    """Under the same key and category, so that importing the set ends every fallback."""
    starting = {(p["key"], p["category"]) for p in json.loads(STARTING_SET.read_text())["prompts"]}
    built_in = set(sql.connection.execute("select key, category from private.builtin_prompts()").fetchall())
    assert built_in and built_in <= starting


def test_presets_that_make_no_sense_are_refused(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """Before anything is held, naming the field, in a batch its item too."""
    asked = {"p_model_id": "local/picture", "p_prompt": "a fox", "p_params": {}, "p_idempotency_key": "k"}
    for wrong in (
        '"fog"',
        "5",
        {"fog": 1},
        [1],
        [None],
        [""],
        ["x" * 65],
        ["fog", "fog"],
        [f"p{n}" for n in range(11)],
    ):
        with refused(422, "invalid_params") as data:
            sql.as_user(alice, "create_generation", **asked, p_presets=wrong)
        assert data == {"field": "presets"}
    item = {"model": "local/picture", "prompt": "a fox", "params": {}}
    with refused(422, "invalid_params") as data:
        sql.as_user(alice, "create_batch", p_items=[item, {**item, "presets": [1]}], p_idempotency_key="b")
    assert data == {"field": "items.1.presets", "index": 1}
    assert sql.balance(alice) == (400, 0, 400)


def test_odd_characters_stay_what_they_are(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """Nothing is a pattern, a placeholder or a statement."""
    odd = 'a \\1 $1 %s {prompt} \'; drop table x; -- "q" 雾 \U0001f98a'
    write(sql, ada, prompt("odd", odd))
    assert sent(sql, alice, "odd", "'; drop table x; --", text=odd)[0] == f"{odd}, {odd}"


def test_a_key_of_before_there_were_presets_answers_its_generation(sql: Sql, alice: uuid.UUID) -> None:
    """None chosen is the request that it was; another choice is another request."""
    asked = {"p_model_id": "local/picture", "p_prompt": "a fox", "p_params": {}, "p_idempotency_key": "k"}
    first = sql.as_user(alice, "create_generation", **asked)
    digest = "select r.request_digest from credit_reservations r where r.reference = 'generation:' || %s"
    before = "select private.request_digest('create_generation', %s::jsonb)"
    assert sql.one(digest, first["id"]) == sql.one(before, '["local/picture", "a fox", {}]')
    assert sql.as_user(alice, "create_generation", **asked, p_presets=[])["id"] == first["id"]
    with refused(409, "idempotency_key_reused"):
        sql.as_user(alice, "create_generation", **asked, p_presets=["fog"])


def test_items_of_a_batch_have_their_own_presets(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """A retry takes what was chosen for the item, as it is then, like the price."""
    write(sql, ada, prompt("fog", "thick fog"), ALWAYS[0])
    item = {"model": "local/picture", "prompt": "a red fox", "params": {}}
    made = sql.as_user(alice, "create_batch", p_items=[{**item, "presets": ["fog"]}, item], p_idempotency_key="b")
    ids = [one["generation_id"] for one in made["items"]["data"]]
    claims = [sql.claim({"id": one}) for one in ids]
    assert [claim["prompt"] for claim in claims] == ["a red fox, thick fog, sharp focus", "a red fox, sharp focus"]
    for claim in claims:
        failure = {"p_error_code": "x", "p_error_message": "no", "p_retryable": False}
        sql.as_service("fail_generation", p_generation_id=claim["id"], p_attempt=1, **failure)
    write(sql, ada, prompt("fog", "thin fog"), {"key": "sharp", "always": False})
    again = sql.as_user(alice, "retry_batch", p_batch_id=made["id"], p_idempotency_key="again")
    claims = [sql.claim({"id": one["generation_id"]}) for one in again["items"]["data"]]
    assert [claim["prompt"] for claim in claims] == ["a red fox, thin fog", "a red fox"]
    assert batch(sql, alice, 2)["items"]["data"][0]["status"] == "queued"
    assert sql.problems() == []


def test_presets_cost_nothing(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """The price is that of the user's own prompt, also where it is by length."""
    write(sql, ada, *ALWAYS, prompt("fog", "f" * 1000))
    assert make(sql, alice, "fog")["credits"]["reserved"] == make(sql, alice)["credits"]["reserved"] == 4


def test_users_see_what_they_may_choose(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """Not what it says, nor what is off or comes anyway."""
    write(sql, ada, *ALWAYS, prompt("fog", title="Fog"), prompt("rain", active=False))
    assert sql.as_user(alice, "list_presets") == {
        "data": [
            {"key": "fog", "category": "style_preset", "title": "Fog", "description": "", "kinds": ["image", "video"]}
        ]
    }


def test_a_preview_shows_what_a_generation_sends(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """By the same functions, so it can't tell anything else; and makes nothing."""
    write(sql, ada, *ALWAYS, prompt("fog", "thick fog"))
    asked = {"p_model_id": "fal/sdxl", "p_prompt": "a red fox", "p_params": {}, "p_presets": ["fog", "nope"]}
    shown = sql.as_user(ada, "admin_preview_prompt", **asked)
    claim = sql.claim(sql.as_user(alice, "create_generation", **asked, p_idempotency_key="k"))
    assert shown == {key: claim[key] for key in ("model", "prompt", "params", "presets")}
    with refused(403, "forbidden"):
        sql.as_user(alice, "admin_preview_prompt", **asked)


def test_an_older_version_can_be_used_again(sql: Sql, ada: uuid.UUID, alice: uuid.UUID) -> None:
    """At once, and switched on; who saw another version looks again, and it can be undone like any change."""
    write(sql, ada, prompt("fog", "thick fog"))
    write(sql, ada, prompt("fog", "thin fog", active=False))
    asked = {"p_key": "fog", "p_version": 1, "p_reason": "it was better"}
    with refused(409, "invalid_state"):
        sql.as_user(ada, "admin_activate_prompt", **asked, p_expected_version=1)
    tried = sql.as_user(ada, "admin_activate_prompt", **asked, p_dry_run=True)
    assert tried["updated"] == 1 and "change_id" not in tried
    change = sql.as_user(ada, "admin_activate_prompt", **asked, p_expected_version=2)
    assert (change["source"], change["prompts"][0]["after"]["content"]) == ("rollback", "thick fog")
    assert sent(sql, alice, "fog")[0] == "a red fox, thick fog"
    assert sql.as_user(ada, "admin_activate_prompt", **asked)["unchanged"] == 1
    for missing in ({"p_version": 3}, {"p_key": "rain"}, {"p_version": None}):
        with refused(404, "prompt_not_found"):
            sql.as_user(ada, "admin_activate_prompt", **{**asked, **missing})
    history = sql.as_user(ada, "admin_get_prompt", p_key="fog")["history"]
    assert [(row["version"], row["content"]) for row in history] == [(2, "thin fog"), (1, "thick fog")]
    assert undo(sql, ada, change)["prompts"][0]["after"]["active"] is False
    with refused(404, "prompt_not_found"):
        sql.as_user(ada, "admin_get_prompt", p_key="rain")
