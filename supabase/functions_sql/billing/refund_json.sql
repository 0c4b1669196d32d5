-- refund_json(r) -> jsonb      called by: operations on refunds
-- A refund that was asked for, and through which PaymentIntent the money goes back.
create or replace function private.refund_json(r private.payment_refunds)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('id', r.id, 'payment_id', r.payment_id, 'amount_cents', r.amount_cents, 'currency', p.currency,
    'reason', r.reason, 'status', r.status, 'refund_id', r.refund_id, 'error', r.error,
    'payment_intent_id', p.payment_intent_id, 'created_at', private.rfc3339(r.created_at))
  from public.payments p where p.id = r.payment_id;
$$;

revoke all on function private.refund_json(private.payment_refunds) from public, anon, authenticated, service_role;
