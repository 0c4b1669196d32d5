-- number_param(p_schema, p_params, p_name) -> numeric      called by: price_generation
-- A number that the price depends on: the given one or the schema's default, within the schema's minimum and maximum.
-- Refuses: invalid_params 422
create or replace function private.number_param(p_schema jsonb, p_params jsonb, p_name text)
returns numeric
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_rule jsonb := p_schema -> 'properties' -> p_name;
  v_value jsonb := coalesce(p_params -> p_name, v_rule -> 'default');
  v_number numeric;
begin
  if jsonb_typeof(v_value) = 'number' then
    v_number := v_value #>> '{}';
    if v_number > 0
      and v_number >= coalesce((v_rule ->> 'minimum')::numeric, 0)
      and v_number <= (v_rule ->> 'maximum')::numeric
      and (v_rule ->> 'type' <> 'integer' or v_number = trunc(v_number))
    then
      return v_number;
    end if;
  end if;
  raise exception using errcode = 'PT422', message = 'invalid_params',
    detail = jsonb_build_object('field', 'params.' || p_name, 'minimum', v_rule -> 'minimum', 'maximum', v_rule -> 'maximum')::text,
    hint = format('%s must be a number from %s to %s.', p_name, coalesce(v_rule ->> 'minimum', '0'), v_rule ->> 'maximum');
end
$$;

revoke all on function private.number_param(jsonb, jsonb, text) from public, anon, authenticated, service_role;
