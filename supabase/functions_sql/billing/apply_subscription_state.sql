-- apply_subscription_state(p_event_id, p_state, p_ticket) -> jsonb      called by: backend/rpc/subscriptions.py as service_role
-- Moves a subscription and its invoices to what Stripe says now, and marks the event (null: the healer's own look) as handled, all in one
-- transaction. p_state: {id, customer_id, user_id, payment_id (of the first invoice), status, price_id, period_start, period_end,
--   cancel_at_period_end, ended_at, created_at, invoices: [...]}, an invoice as in apply_payment_state with {invoice_id, first, lines:
--   [{price_id, amount_cents, currency, proration, period_start, period_end}]}, oldest first, fetched after p_ticket was taken.
-- Guarantees: an invoice that is paid gives its credits once, a period as a whole once; an answer older than what is booked changes nothing.
--   It is asked about again some hours after each period's end, until it has ended. Answers it, with the payments, each with flag_reason.
-- Refuses, first match wins: event_not_found 404 · invalid_params 422 · invalid_state 409 (the customer is somebody else's)
create or replace function public.apply_subscription_state(p_event_id text, p_state jsonb, p_ticket bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  e private.stripe_events;
  s public.subscriptions;
  v_invoice jsonb;
  v_payments jsonb := '[]';
  p public.payments;
begin
  if p_event_id is not null then
    e := private.lock_stripe_event(p_event_id);
  end if;
  if p_ticket is null or p_state ->> 'id' is null or p_state ->> 'status' is null then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "state"}',
      hint = 'A subscription has an id and a status, and was looked up with a ticket.';
  end if;
  s := private.lock_subscription(p_state);
  if e.state in ('handled', 'ignored') then
    return private.subscription_json(s) || jsonb_build_object('payments', v_payments);
  end if;
  update public.subscriptions x
  set applied_ticket = p_ticket, updated_at = private.clock(), status = p_state ->> 'status',
      plan_id = coalesce((select v.plan_id from private.plan_prices v where v.stripe_price_id = p_state ->> 'price_id'), x.plan_id),
      current_period_start = (p_state ->> 'period_start')::timestamptz, current_period_end = (p_state ->> 'period_end')::timestamptz,
      cancel_at_period_end = (p_state ->> 'cancel_at_period_end')::boolean, ended_at = (p_state ->> 'ended_at')::timestamptz,
      check_at = case when p_state ->> 'status' not in ('canceled', 'incomplete_expired') then
        greatest((p_state ->> 'period_end')::timestamptz + interval '3 hours', private.clock() + interval '6 hours') end
  where x.id = s.id and x.applied_ticket < p_ticket;
  select * into strict s from public.subscriptions x where x.id = s.id;
  for v_invoice in select x from jsonb_array_elements(p_state -> 'invoices') x loop -- all payments are locked before any wallet
    perform private.adopt_invoice(s, v_invoice, p_state ->> 'payment_id', p_ticket);
  end loop;
  for v_invoice in select x from jsonb_array_elements(p_state -> 'invoices') x loop
    p := private.book_invoice(s, v_invoice, p_event_id, p_ticket);
    v_payments := v_payments || (private.payment_json(p) || jsonb_build_object('flag_reason', p.flag_reason));
  end loop;
  if p_event_id is not null then
    perform private.finish_stripe_event(p_event_id, 'handled');
  end if;
  return private.subscription_json(s) || jsonb_build_object('payments', v_payments);
end
$$;

revoke all on function public.apply_subscription_state(text, jsonb, bigint) from public, anon, authenticated, service_role;
grant execute on function public.apply_subscription_state(text, jsonb, bigint) to service_role;
