-- finish_refund(p_refund_id, p_stripe_refund_id, p_error) -> jsonb      called by: backend/rpc/billing.py as service_role
-- What became of a refund at Stripe: sent, or refused with the reason. A repeat answers the first outcome.
-- Refuses: payment_not_found 404
create or replace function public.finish_refund(p_refund_id uuid, p_stripe_refund_id text default null, p_error text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  r private.payment_refunds;
begin
  update private.payment_refunds x
  set status = case when p_stripe_refund_id is null then 'refused' else 'sent' end, check_at = null,
      refund_id = p_stripe_refund_id, error = left(p_error, 500)
  where x.id = p_refund_id and x.status = 'requested';
  select * into r from private.payment_refunds x where x.id = p_refund_id;
  if not found then
    perform private.refuse_unknown_payment(p_refund_id);
  end if;
  return private.refund_json(r);
end
$$;

revoke all on function public.finish_refund(uuid, text, text) from public, anon, authenticated, service_role;
grant execute on function public.finish_refund(uuid, text, text) to service_role;
