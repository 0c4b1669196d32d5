-- choose_payment_method(p_payment_id, p_payment_method_id) -> text      called by: backend/rpc/topups.py as service_role
-- Fixes what a payment is charged to before Stripe is asked, so that a repeat asks the same; answers the one that counts: the first.
-- Refuses: payment_not_found 404
create or replace function public.choose_payment_method(p_payment_id uuid, p_payment_method_id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
  p public.payments := private.lock_payment(p_payment_id);
begin
  update public.payments x set payment_method_id = coalesce(x.payment_method_id, p_payment_method_id) where x.id = p.id
  returning * into p;
  return p.payment_method_id;
end
$$;

revoke all on function public.choose_payment_method(uuid, text) from public, anon, authenticated, service_role;
grant execute on function public.choose_payment_method(uuid, text) to service_role;
