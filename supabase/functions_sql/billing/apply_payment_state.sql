-- apply_payment_state(p_event_id, p_payment_id, p_state, p_ticket) -> jsonb      called by: backend/rpc/billing.py as service_role
-- Moves the books to what Stripe says now, and marks the event (null: the healer's own look) as handled, in one transaction.
-- p_state: {status: open|processing|paid|failed|expired, payment_id, user_id, amount_cents, discount_cents, tax_cents, charged_cents,
--   currency, refunded_cents, disputed_cents (withdrawn and not reinstated), checkout_session_id, payment_intent_id, charge_id,
--   invoice_id, receipt_url, invoice_url, decline_reason}. It must have been fetched after p_ticket was taken.
-- Guarantees: an event is applied once. The order of events does not matter: an answer older than what is booked changes nothing.
--   A mismatch of user, payment, amount or currency flags the payment and moves no credit. Answers the payment, with flag_reason.
-- Refuses, first match wins: event_not_found 404 · payment_not_found 404 · invalid_params 422
create or replace function public.apply_payment_state(p_event_id text, p_payment_id uuid, p_state jsonb, p_ticket bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  e private.stripe_events;
  p public.payments;
begin
  if p_event_id is not null then
    e := private.lock_stripe_event(p_event_id);
  end if;
  p := private.lock_payment(p_payment_id);
  if p_state ->> 'status' is null or p_state ->> 'status' not in ('open', 'processing', 'paid', 'failed', 'expired') or p_ticket is null then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "state"}',
      hint = 'A payment is open, processing, paid, failed or expired, and was looked up with a ticket.';
  end if;
  if e.state in ('handled', 'ignored') then
    return private.payment_json(p) || jsonb_build_object('flag_reason', p.flag_reason);
  end if;
  p := private.move_payment(p, p_event_id, p_state, p_ticket);
  if p_event_id is not null then
    perform private.finish_stripe_event(p_event_id, 'handled', case when p.status = 'flagged' then p.flag_reason end);
  end if;
  return private.payment_json(p) || jsonb_build_object('flag_reason', p.flag_reason);
end
$$;

revoke all on function public.apply_payment_state(text, uuid, jsonb, bigint) from public, anon, authenticated, service_role;
grant execute on function public.apply_payment_state(text, uuid, jsonb, bigint) to service_role;
