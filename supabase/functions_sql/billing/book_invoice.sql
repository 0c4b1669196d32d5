-- book_invoice(s, p_invoice, p_event_id, p_ticket) -> payments      called by: apply_subscription_state, after adopt_invoice
-- Books an adopted invoice as the payment that it is. What a paid change to a smaller plan charges back is taken once, as a refund would:
-- from the lots that expire first, and what is missing becomes debt.
drop function if exists private.book_invoice(public.subscriptions, jsonb, text, bigint);
create or replace function private.book_invoice(s public.subscriptions, p_invoice jsonb, p_event_id text, p_ticket bigint)
returns public.payments
language plpgsql
set search_path = ''
as $$
declare
  v_key text := 'invoice:' || (p_invoice ->> 'invoice_id');
  v_terms record := private.invoice_terms(p_invoice -> 'lines');
  p public.payments;
  w public.wallets;
begin
  select * into strict p from public.payments x where x.invoice_id = p_invoice ->> 'invoice_id';
  p := private.move_payment(p, p_event_id, p_invoice || jsonb_build_object(
    'payment_id', p.id, 'problem', coalesce(v_terms.problem, case when v_terms.whole_period and exists (
      select from public.payments x
      where x.subscription_id = s.id and x.period_start = v_terms.period_start and x.period_end = v_terms.period_end
        and x.whole_period and x.granted_credits > 0 and x.id <> p.id) then 'period_paid_twice' end)), p_ticket);
  if p_invoice ->> 'status' = 'paid' and v_terms.taken_credits > 0 and v_terms.problem is null then
    w := private.lock_wallet(s.wallet_id);
    if not exists (select from public.credit_transactions t where t.wallet_id = w.id and t.idempotency_key = v_key) then
      perform private.claw_back(w, null, v_terms.taken_credits, v_key, v_key, private.request_digest('invoice', to_jsonb(v_key)));
    end if;
  end if;
  return p;
end
$$;

revoke all on function private.book_invoice(public.subscriptions, jsonb, text, bigint) from public, anon, authenticated, service_role;
