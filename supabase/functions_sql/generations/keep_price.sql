-- keep_price() -> trigger      called by: models, after insert and update
-- Writes a new version of a price into model_prices, in the transaction that makes it.
create or replace function private.keep_price()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  insert into public.model_prices (
    model_id, version, base_credits, unit, unit_credits, params_schema, cost_base_micros, cost_unit_micros, created_at)
  values (
    new.id, new.price_version, new.base_credits, new.unit, new.unit_credits, new.params_schema, new.cost_base_micros,
    new.cost_unit_micros, private.clock())
  on conflict (model_id, version) do nothing; -- an update that changed no price
  return null;
end
$$;

revoke all on function private.keep_price() from public, anon, authenticated, service_role;

create or replace trigger price_is_kept
  after insert or update on public.models
  for each row execute function private.keep_price();
