-- price_items(p_items, p_user_id) -> bigint[]      called by: create_batch, retry_batch
-- The credits of each item [{model, prompt, params, presets?, index?}], after the checks of create_generation. Items that are alike in all that
-- these look at (a seed is nothing that they look at) are checked and priced as one, the first of them: it is the first one that is wrong, too.
-- A refusal names the item and the field: items.17.prompt.
-- Refuses, for the first item that is wrong: model_not_found 404 · invalid_params 422
create or replace function private.price_items(p_items jsonb, p_user_id uuid)
returns bigint[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_credits bigint[] := array_fill(null::bigint, array[jsonb_array_length(p_items)]);
  v_first integer;
  v_alike integer[];
  v_n integer;
  v_item jsonb;
  v_params jsonb;
  v_price bigint;
  m public.models;
  v_detail text;
  v_hint text;
begin
  for v_first, v_alike in
    select min(i.n), array_agg(i.n)
    from jsonb_array_elements(p_items) with ordinality i (item, n) left join public.models x on x.id = i.item ->> 'model'
    group by jsonb_typeof(i.item), i.item ->> 'model', i.item -> 'presets',
      case jsonb_typeof(i.item -> 'params') when 'object' then (i.item -> 'params') - 'seed' else i.item -> 'params' end,
      octet_length(i.item ->> 'params') > 16384, -- the bound of price_generation
      btrim(i.item ->> 'prompt') <> '' and char_length(i.item ->> 'prompt') <= x.max_prompt_chars,
      case when x.unit = 'thousand_characters' then char_length(i.item ->> 'prompt') end
    order by 1
  loop
    v_item := p_items -> v_first - 1;
    if jsonb_typeof(v_item) <> 'object' then
      raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": ""}',
        hint = 'An item is an object with model, prompt and params.';
    end if;
    v_params := coalesce(nullif(v_item -> 'params', 'null'), '{}');
    m := private.model_for(v_item ->> 'model', v_item ->> 'prompt', v_params, p_user_id);
    perform private.check_presets(v_item -> 'presets');
    v_price := private.price_generation(m, v_item ->> 'prompt', v_params) ->> 'credits';
    foreach v_n in array v_alike loop
      v_credits[v_n] := v_price;
    end loop;
  end loop;
  return v_credits;
exception
  when sqlstate 'PT404' then
    get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
    raise exception using errcode = 'PT404', message = 'model_not_found',
      detail = private.name_item(v_detail, v_item, v_first - 1, 'model'), hint = v_hint;
  when sqlstate 'PT422' then
    get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
    raise exception using errcode = 'PT422', message = 'invalid_params',
      detail = private.name_item(v_detail, v_item, v_first - 1, v_detail::jsonb ->> 'field'), hint = v_hint;
end
$$;

revoke all on function private.price_items(jsonb, uuid) from public, anon, authenticated, service_role;
