-- price_generation(m, p_prompt, p_params) -> jsonb      called by: quote_generation, create_generation, price_items
-- {model, credits, price_version, breakdown}. base_credits + unit_credits x quantity, rounded up once. Everything else about params is checked in Python.
-- Refuses: invalid_params 422
create or replace function private.price_generation(m public.models, p_prompt text, p_params jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_quantity numeric;
  v_credits numeric;
begin
  if jsonb_typeof(p_params) is distinct from 'object' or octet_length(p_params::text) > 16384 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "params"}',
      hint = 'params is a JSON object of at most 16 kB.';
  end if;
  v_quantity := private.priced_quantity(m.unit, m.params_schema, p_prompt, p_params);
  v_credits := greatest(1, m.base_credits + ceil(m.unit_credits * v_quantity));
  if v_credits > m.max_credits then
    raise exception using errcode = 'PT422', message = 'invalid_params',
      detail = jsonb_build_object('field', 'params', 'credits', v_credits, 'max_credits', m.max_credits)::text,
      hint = format('This would cost %s credits; %s allows at most %s.', v_credits, m.title, m.max_credits);
  end if;
  return jsonb_build_object('model', m.id, 'credits', v_credits::bigint, 'price_version', m.price_version,
    'breakdown', jsonb_build_object(
    'base_credits', m.base_credits, 'unit', m.unit, 'quantity', trim_scale(v_quantity), 'unit_credits', m.unit_credits));
end
$$;

revoke all on function private.price_generation(public.models, text, jsonb) from public, anon, authenticated, service_role;
