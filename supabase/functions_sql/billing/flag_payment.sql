-- flag_payment(p, p_event_id, p_reason, p_state) -> payments      called by: move_payment
-- Stops a payment that Stripe tells another story about. No credit moves; somebody has to look. What an admin needs to give the money
-- back is remembered when it is surely this payment's: after a wrong amount or currency, not when the story is about something else.
create or replace function private.flag_payment(p public.payments, p_event_id text, p_reason text, p_state jsonb)
returns public.payments
language plpgsql
set search_path = ''
as $$
declare
  v_ours boolean := p_reason not in ('wrong_payment', 'wrong_user', 'wrong_session');
begin
  update public.payments x
  set status = 'flagged', flag_reason = p_reason, check_at = null, updated_at = private.clock(),
      payment_intent_id = case when v_ours then coalesce(p_state ->> 'payment_intent_id', x.payment_intent_id) else x.payment_intent_id end,
      charge_id = case when v_ours then coalesce(p_state ->> 'charge_id', x.charge_id) else x.charge_id end,
      charged_cents = case when v_ours then coalesce((p_state ->> 'charged_cents')::bigint, x.charged_cents) else x.charged_cents end,
      refunded_cents = case when v_ours then coalesce((p_state ->> 'refunded_cents')::bigint, 0) else x.refunded_cents end,
      disputed_cents = case when v_ours then coalesce((p_state ->> 'disputed_cents')::bigint, 0) else x.disputed_cents end
  where x.id = p.id
  returning * into p;
  perform private.note_payment(p, p_event_id, null, p_reason);
  return p;
end
$$;

revoke all on function private.flag_payment(public.payments, text, text, jsonb) from public, anon, authenticated, service_role;
