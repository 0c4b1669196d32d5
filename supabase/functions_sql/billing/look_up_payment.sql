-- look_up_payment(p_payment_id) -> jsonb      called by: backend/rpc/billing.py as service_role
-- {id, user_id, kind, status, checkout_session_id, payment_intent_id, invoice_id, created_at, ticket}: what is needed to ask Stripe about
-- a payment, and the ticket to apply the answer with. Null when there is no such payment.
create or replace function public.look_up_payment(p_payment_id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object('id', p.id, 'user_id', p.user_id, 'kind', p.kind, 'status', p.status,
      'checkout_session_id', p.checkout_session_id, 'payment_intent_id', p.payment_intent_id, 'invoice_id', p.invoice_id,
      'created_at', private.rfc3339(p.created_at), 'ticket', nextval('private.payment_tickets'))
    from public.payments p where p.id = p_payment_id);
end
$$;

revoke all on function public.look_up_payment(uuid) from public, anon, authenticated, service_role;
grant execute on function public.look_up_payment(uuid) to service_role;
