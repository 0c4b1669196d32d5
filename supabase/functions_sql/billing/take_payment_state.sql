-- take_payment_state(p, p_state) -> payments      called by: move_payment
-- Writes what Stripe says onto the locked payment; book_payment then moves the credits. It is asked about again until it has ended.
create or replace function private.take_payment_state(p public.payments, p_state jsonb)
returns public.payments
language plpgsql
set search_path = ''
as $$
begin
  update public.payments x
  set status = p_state ->> 'status', flag_reason = null, updated_at = private.clock(),
      charged_cents = coalesce((p_state ->> 'charged_cents')::bigint, x.charged_cents),
      refunded_cents = coalesce((p_state ->> 'refunded_cents')::bigint, 0),
      disputed_cents = coalesce((p_state ->> 'disputed_cents')::bigint, 0),
      checkout_session_id = coalesce(p_state ->> 'checkout_session_id', x.checkout_session_id),
      payment_intent_id = coalesce(p_state ->> 'payment_intent_id', x.payment_intent_id),
      charge_id = coalesce(p_state ->> 'charge_id', x.charge_id),
      invoice_id = coalesce(p_state ->> 'invoice_id', x.invoice_id),
      receipt_url = coalesce(p_state ->> 'receipt_url', x.receipt_url),
      invoice_url = coalesce(p_state ->> 'invoice_url', x.invoice_url),
      check_at = case when p_state ->> 'status' in ('open', 'processing') then coalesce(x.check_at, private.clock() + interval '10 minutes') end
  where x.id = p.id
  returning * into p;
  return p;
end
$$;

revoke all on function private.take_payment_state(public.payments, jsonb) from public, anon, authenticated, service_role;
