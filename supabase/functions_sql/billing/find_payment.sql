-- find_payment(p_payment_intent_id, p_charge_id, p_invoice_id) -> uuid      called by: backend/rpc/billing.py as service_role
-- The payment that was paid through one of these objects of Stripe; null when none of ours was.
create or replace function public.find_payment(
  p_payment_intent_id text default null, p_charge_id text default null, p_invoice_id text default null)
returns uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return (
    select p.id from public.payments p
    where p.payment_intent_id = p_payment_intent_id or p.charge_id = p_charge_id or p.invoice_id = p_invoice_id
    order by p.created_at limit 1);
end
$$;

revoke all on function public.find_payment(text, text, text) from public, anon, authenticated, service_role;
grant execute on function public.find_payment(text, text, text) to service_role;
