-- price_items(p_items, p_user_id) -> bigint[]      called by: create_batch, retry_batch
-- The credits of each item [{model, prompt, params, presets?, index?}], after the checks of create_generation.
-- A refusal names the item and the field: items.17.prompt.
-- Refuses, for the first item that is wrong: model_not_found 404 · invalid_params 422
create or replace function private.price_items(p_items jsonb, p_user_id uuid)
returns bigint[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_credits bigint[] := '{}';
  v_item jsonb;
  v_params jsonb;
  m public.models;
  v_detail text;
  v_hint text;
begin
  for v_item in select e from jsonb_array_elements(p_items) e loop
    if jsonb_typeof(v_item) <> 'object' then
      raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": ""}',
        hint = 'An item is an object with model, prompt and params.';
    end if;
    v_params := coalesce(nullif(v_item -> 'params', 'null'), '{}');
    m := private.model_for(v_item ->> 'model', v_item ->> 'prompt', v_params, p_user_id);
    perform private.check_presets(v_item -> 'presets');
    v_credits := v_credits || (private.price_generation(m, v_item ->> 'prompt', v_params) ->> 'credits')::bigint;
  end loop;
  return v_credits;
exception
  when sqlstate 'PT404' then
    get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
    raise exception using errcode = 'PT404', message = 'model_not_found',
      detail = private.name_item(v_detail, v_item, cardinality(v_credits), 'model'), hint = v_hint;
  when sqlstate 'PT422' then
    get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
    raise exception using errcode = 'PT422', message = 'invalid_params',
      detail = private.name_item(v_detail, v_item, cardinality(v_credits), v_detail::jsonb ->> 'field'), hint = v_hint;
end
$$;

revoke all on function private.price_items(jsonb, uuid) from public, anon, authenticated, service_role;
