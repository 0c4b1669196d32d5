-- expected_cost(g) -> bigint      called by: complete_generation, receive_provider_result
-- What one request for a generation costs us in USD/1e6, by the version of the price that it was made with; null when unknown.
-- It can't refuse what was priced before: the version has its params_schema.
create or replace function private.expected_cost(g public.generations)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
declare
  p public.model_prices;
begin
  select * into p from public.model_prices x where x.model_id = g.model_id and x.version = g.price_version;
  if p.cost_base_micros is null then
    return null;
  end if;
  return p.cost_base_micros + ceil(p.cost_unit_micros * private.priced_quantity(p.unit, p.params_schema, g.prompt, g.params));
end
$$;

revoke all on function private.expected_cost(public.generations) from public, anon, authenticated, service_role;
