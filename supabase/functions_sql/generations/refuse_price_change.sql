-- refuse_price_change() -> trigger      called by: model_prices, before update, delete and truncate
-- A version of a price that a generation was made with never changes. Refuses: forbidden 403
create or replace function private.refuse_price_change()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception using errcode = 'PT403', message = 'forbidden',
    hint = 'The history of prices is append-only. Update the model, which makes a new version; retire it with active = false.';
end
$$;

revoke all on function private.refuse_price_change() from public, anon, authenticated, service_role;

create or replace trigger prices_are_append_only
  before update or delete or truncate on public.model_prices
  for each statement execute function private.refuse_price_change();
