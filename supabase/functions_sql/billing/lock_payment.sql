-- lock_payment(p_payment_id) -> payments      called by: operations that change a payment
-- Lock order: event, then payment, then wallet.
-- Refuses: payment_not_found 404
create or replace function private.lock_payment(p_payment_id uuid)
returns public.payments
language plpgsql
set search_path = ''
as $$
declare
  p public.payments;
begin
  select * into p from public.payments x where x.id = p_payment_id for no key update;
  if not found then
    perform private.refuse_unknown_payment(p_payment_id);
  end if;
  return p;
end
$$;

revoke all on function private.lock_payment(uuid) from public, anon, authenticated, service_role;
