-- version_price() -> trigger      called by: models, before insert and update
-- A change of what decides a price or a cost makes the next version; nobody chooses the number.
create or replace function private.version_price()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    new.price_version := 1;
  elsif row(new.base_credits, new.unit, new.unit_credits, new.params_schema, new.cost_base_micros, new.cost_unit_micros)
    is distinct from row(old.base_credits, old.unit, old.unit_credits, old.params_schema, old.cost_base_micros, old.cost_unit_micros)
  then
    new.price_version := old.price_version + 1;
  else
    new.price_version := old.price_version;
  end if;
  return new;
end
$$;

revoke all on function private.version_price() from public, anon, authenticated, service_role;

create or replace trigger price_is_versioned
  before insert or update on public.models
  for each row execute function private.version_price();
