"""Calling functions through the local REST API: arguments, results, roles, time-outs and errors."""

from __future__ import annotations

import threading
import time

import pytest

from tests.local.running import Running

FUNCTIONS = """
create table public.items (id int primary key, name text);
insert into public.items select n, 'item ' || n from generate_series(1, 5) n;

create function public.add(a int, b int default 10) returns int language sql immutable as 'select a + b';
create function public.nothing() returns void language sql as '';
create function public.greet(name text, tags text[] default '{}', extra jsonb default null) returns jsonb
  language sql stable as $$ select jsonb_build_object('name', name, 'tags', tags, 'extra', extra) $$;
create function public.whole(jsonb) returns jsonb language sql stable as 'select $1';
create function public.numbers() returns int[] language sql stable as $$ select '{1,2,3}'::int[] $$;
create function public.count_to(n int) returns setof int language sql stable as 'select generate_series(1, n)';
create function public.find_item(p_id int) returns public.items language sql stable as
  'select * from public.items where id = p_id';
create function public.list_items() returns setof public.items language sql stable as 'select * from public.items';
create function public.pairs() returns table (a int, b text) language sql stable as $$ values (1, 'x'), (2, null) $$;
create function public.out_one(out result int) language sql stable as 'select 7';
create function public.null_text() returns text language sql stable as 'select null::text';
create function public.overloaded(a int) returns text language sql stable as $$ select 'int' $$;
create function public.overloaded(a text) returns text language sql stable as $$ select 'text' $$;
create function public.add_item(p_id int, p_name text) returns public.items language sql as
  'insert into public.items values (p_id, p_name) returning *';
create function public.write_in_stable() returns void language plpgsql stable as
  $$ begin insert into public.items values (99, 'x'); end $$;
create function public.joined(variadic words text[]) returns text language sql stable as
  $$ select array_to_string(words, '-') $$;
create function public.context() returns json language sql stable as $$ select json_build_object(
  'uid', auth.uid(), 'role', auth.role(), 'user', current_user, 'timeout', current_setting('statement_timeout'),
  'path', current_setting('request.path'), 'method', current_setting('request.method'),
  'agent', current_setting('request.headers')::json ->> 'user-agent',
  'search_path', current_setting('search_path')) $$;
create function public.slow(seconds float) returns void language plpgsql as $$ begin perform pg_sleep(seconds); end $$;
create function public.slow_allowed(seconds float) returns text language plpgsql set statement_timeout = '9s' as
  $$ begin perform pg_sleep(seconds); return current_setting('statement_timeout'); end $$;
create function public.answer() returns text language plpgsql as $$ begin
  perform set_config('response.status', '299', true);
  perform set_config('response.headers', '[{"X-One": "1"}, {"Cache-Control": "no-store"}]', true);
  return 'set'; end $$;
create function public.bad_answer(what text) returns void language plpgsql as $$ begin
  perform set_config('response.' || what, 'nonsense', true); insert into public.items values (50, 'x'); end $$;
create function public.serializable() returns text language sql set default_transaction_isolation = 'serializable'
  as $$ select current_setting('transaction_isolation') $$;
create function public.owner_only() returns int language sql as 'select 1';
grant select, insert on public.items to anon, authenticated, service_role;
grant execute on all functions in schema public to anon, authenticated, service_role;
revoke execute on function public.owner_only() from public, anon, authenticated;
create schema hidden;
"""


@pytest.fixture(scope="module", autouse=True)
def functions(supabase: Running) -> None:
    supabase.sql(FUNCTIONS)


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("add", {"a": 1}, 11),
        ("add", {"b": 2, "a": 1}, 3),
        (
            "greet",
            {"name": "50% O'Hara", "tags": ["a,b", 'c"d']},
            {"name": "50% O'Hara", "tags": ["a,b", 'c"d'], "extra": None},
        ),
        ("greet", {"name": "n", "extra": {"x": [1]}}, {"name": "n", "tags": [], "extra": {"x": [1]}}),
        ("whole", {"any": ["thing"]}, {"any": ["thing"]}),
        ("numbers", {}, [1, 2, 3]),
        ("count_to", {"n": 3}, [1, 2, 3]),
        ("find_item", {"p_id": 2}, {"id": 2, "name": "item 2"}),
        ("find_item", {"p_id": 77}, {"id": None, "name": None}),
        ("pairs", {}, [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        ("out_one", {}, {"result": 7}),
        ("null_text", {}, None),
        ("joined", {"words": ["a", "b"]}, "a-b"),
        ("add", [{"a": 5}, {"a": 6}], 15),
    ],
)
def test_a_function_is_called_with_named_arguments(
    supabase: Running, name: str, arguments: object, result: object
) -> None:
    response = supabase.rpc(name, arguments)
    assert (response.status_code, response.json()) == (200, result)
    assert response.headers["content-type"] == "application/json; charset=utf-8"


def test_a_function_without_result_answers_204(supabase: Running) -> None:
    response = supabase.rpc("nothing")
    assert (response.status_code, response.content) == (204, b"")


def test_a_get_passes_arguments_and_filters_rows(supabase: Running) -> None:
    assert supabase.call("GET", "/rest/v1/rpc/add?a=1&b=2").json() == 3
    assert supabase.call("GET", "/rest/v1/rpc/greet?name=x&tags={a,b}").json()["tags"] == ["a", "b"]
    found = supabase.call("GET", "/rest/v1/rpc/list_items?id=gt.3&order=id.desc&select=name")
    assert found.json() == [{"name": "item 5"}, {"name": "item 4"}]


def test_rows_of_a_function_are_paged_and_counted(supabase: Running) -> None:
    response = supabase.rpc("list_items?order=id&limit=2&offset=1", headers={"Prefer": "count=exact"})
    assert [row["id"] for row in response.json()] == [2, 3]
    assert (response.status_code, response.headers["content-range"]) == (206, "1-2/5")


def test_single_object_of_a_set(supabase: Running) -> None:
    accept = {"Accept": "application/vnd.pgrst.object+json"}
    assert supabase.rpc("list_items?id=eq.4", headers=accept).json() == {"id": 4, "name": "item 4"}
    refused = supabase.rpc("list_items", headers=accept)
    assert (refused.status_code, refused.json()["code"]) == (406, "PGRST116")
    assert refused.json()["details"] == "The result contains 5 rows"


def test_an_unknown_function_is_named_with_its_arguments(supabase: Running) -> None:
    refused = supabase.rpc("no_such", {"a": 1, "b": 2})
    assert refused.status_code == 404
    assert refused.json() == {
        "code": "PGRST202",
        "message": "Could not find the function public.no_such(a, b) in the schema cache",
        "details": "Searched for the function public.no_such with parameters a, b or with a single unnamed json/jsonb"
        " parameter, but no matches were found in the schema cache.",
        "hint": None,
    }


def test_wrong_arguments_get_a_hint(supabase: Running) -> None:
    body = supabase.rpc("add", {"a": 1, "c": 2}).json()
    assert (body["code"], body["hint"]) == ("PGRST202", "Perhaps you meant to call the function public.add(a, b)")
    body = supabase.rpc("list_item").json()
    assert body["message"] == "Could not find the function public.list_item without parameters in the schema cache"
    assert body["hint"] == "Perhaps you meant to call the function public.list_items"


def test_two_functions_with_the_same_argument_names_are_ambiguous(supabase: Running) -> None:
    refused = supabase.rpc("overloaded", {"a": 1})
    assert (refused.status_code, refused.json()["code"]) == (300, "PGRST203")


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a": }', b"[" * 100_000])
def test_a_body_that_is_not_json_is_refused(supabase: Running, body: bytes) -> None:
    refused = supabase.call("POST", "/rest/v1/rpc/add", content=body, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (400, "PGRST102")


def test_arguments_are_values_and_never_sql(supabase: Running) -> None:
    nasty = "'; drop table public.items; --"
    assert supabase.rpc("greet", {"name": nasty}).json()["name"] == nasty
    assert supabase.call("GET", "/rest/v1/rpc/greet", params={"name": nasty}).json()["name"] == nasty
    assert supabase.rpc("greet", {"name": "x", '"; drop table items': 1}).json()["code"] == "PGRST202"
    assert supabase.rpc('x"; drop table items', {}).json()["code"] == "PGRST202"
    assert supabase.call("GET", "/rest/v1/rpc/greet", params={"name": "a\x00b"}).status_code == 400
    assert len(supabase.rpc("list_items").json()) == 5


def test_reading_requests_may_not_write(supabase: Running) -> None:
    refused = supabase.call("GET", "/rest/v1/rpc/add_item?p_id=60&p_name=x")
    assert (refused.status_code, refused.json()["code"]) == (405, "25006")
    refused = supabase.rpc("write_in_stable")
    assert (refused.status_code, refused.json()["code"]) == (400, "0A000")
    assert supabase.call("PUT", "/rest/v1/rpc/add").json()["code"] == "PGRST101"


def test_the_request_is_visible_to_sql(supabase: Running) -> None:
    user = supabase.sign_up()
    seen = supabase.rpc("context", token=user.token, headers={"User-Agent": "a test"}).json()
    assert seen == {
        "uid": user.id,
        "role": "authenticated",
        "user": "authenticated",
        "timeout": "8s",
        "path": "/rpc/context",
        "method": "POST",
        "agent": "a test",
        "search_path": '"public", "public", "extensions"',
    }


@pytest.mark.parametrize(
    ("key", "role", "timeout"),
    [
        ("publishable_key", "anon", "3s"),
        ("anon_key", "anon", "3s"),
        ("secret_key", "service_role", "8s"),
        ("service_role_key", "service_role", "8s"),
    ],
)
def test_each_key_runs_as_its_role_with_its_settings(supabase: Running, key: str, role: str, timeout: str) -> None:
    seen = supabase.rpc("context", key=getattr(supabase.keys, key)).json()
    assert (seen["user"], seen["role"], seen["timeout"], seen["uid"]) == (role, role, timeout, None)


def test_a_changed_role_setting_applies_after_notify(supabase: Running) -> None:
    database = supabase.sql("select quote_ident(current_database())")[0][0]
    supabase.sql(
        f"alter role anon in database {database} set statement_timeout = '123ms'; notify pgrst, 'reload config'"
    )
    time.sleep(0.05)
    assert supabase.rpc("context").json()["timeout"] == "123ms"
    refused = supabase.rpc("slow", {"seconds": 5})
    assert (refused.status_code, refused.json()["code"]) == (500, "57014")
    supabase.sql(f"alter role anon in database {database} reset statement_timeout; notify pgrst")


def test_settings_of_a_function_are_in_force_before_it_starts(supabase: Running) -> None:
    assert supabase.rpc("slow_allowed", {"seconds": 0}).json() == "9s"
    assert supabase.rpc("serializable").json() == "serializable"


def test_a_function_shapes_the_response(supabase: Running) -> None:
    response = supabase.rpc("answer")
    assert (response.status_code, response.json()) == (299, "set")
    assert (response.headers["x-one"], response.headers["cache-control"]) == ("1", "no-store")


@pytest.mark.parametrize(("what", "code"), [("status", "PGRST112"), ("headers", "PGRST111")])
def test_a_bad_response_setting_is_an_error_and_undoes_the_work(supabase: Running, what: str, code: str) -> None:
    refused = supabase.rpc("bad_answer", {"what": what})
    assert (refused.status_code, refused.json()["code"]) == (500, code)
    assert len(supabase.rpc("list_items").json()) == 5


def test_a_function_made_later_is_found_and_a_changed_one_is_noticed(supabase: Running) -> None:
    made = "create function public.later() returns {}; grant execute on function public.later to anon"
    assert supabase.rpc("later").status_code == 404
    supabase.sql(made.format("void language sql as ''"))
    assert supabase.rpc("later").status_code == 204
    supabase.sql("drop function public.later(); " + made.format("int language sql as 'select 1'"))
    time.sleep(0.05)
    assert supabase.rpc("later").json() == 1


def test_only_exposed_schemas_answer(supabase: Running) -> None:
    refused = supabase.rpc("add", {"a": 1}, headers={"Content-Profile": "hidden"})
    assert refused.status_code == 406
    assert (refused.json()["code"], refused.json()["message"]) == ("PGRST106", "Invalid schema: hidden")
    assert refused.json()["hint"] == "Only the following schemas are exposed: public, graphql_public"


def test_calls_run_in_parallel(supabase: Running) -> None:
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda: results.append(supabase.rpc("slow_allowed", {"seconds": 0.3}).status_code))
        for _ in range(8)
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [200] * 8
    assert time.monotonic() - started < 1.5
