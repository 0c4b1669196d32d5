-- adopt_invoice(s, p_invoice, p_first_payment_id, p_ticket) -> payments      called by: apply_subscription_state
-- The locked payment that an invoice of the locked subscription is: the first one is the payment that checkout made, others get their row
-- here. Until it gave credits, its terms are what the lines say.
create or replace function private.adopt_invoice(s public.subscriptions, p_invoice jsonb, p_first_payment_id text, p_ticket bigint)
returns public.payments
language plpgsql
set search_path = ''
as $$
declare
  v_invoice_id text := p_invoice ->> 'invoice_id';
  v_terms record := private.invoice_terms(p_invoice -> 'lines');
  p public.payments;
begin
  if not exists (select from public.payments y where y.invoice_id = v_invoice_id) then
    update public.payments x set invoice_id = v_invoice_id, subscription_id = s.id
    where (p_invoice ->> 'first')::boolean and x.id::text = p_first_payment_id and x.wallet_id = s.wallet_id and x.kind = 'subscription'
      and x.invoice_id is null;
    if not found then
      insert into public.payments (user_id, wallet_id, kind, subscription_id, invoice_id, credits, amount_cents, currency,
        idempotency_key, request_digest, created_at, updated_at)
      values (s.user_id, s.wallet_id, 'subscription', s.id, v_invoice_id, 0, 0, p_invoice ->> 'currency',
        'invoice:' || v_invoice_id || ':' || gen_random_uuid(), -- no key that somebody could have taken: the invoice makes it once
        private.request_digest('invoice', to_jsonb(v_invoice_id)), private.clock(), private.clock());
    end if;
  end if;
  update public.payments x
  set plan_id = coalesce(v_terms.plan_id, x.plan_id), credits = v_terms.credits, currency = p_invoice ->> 'currency',
      amount_cents = (p_invoice ->> 'amount_cents')::bigint, whole_period = v_terms.whole_period,
      period_start = v_terms.period_start, period_end = v_terms.period_end
  where x.invoice_id = v_invoice_id and x.subscription_id = s.id and x.granted_credits = 0 and x.applied_ticket < p_ticket;
  select * into strict p from public.payments x where x.invoice_id = v_invoice_id for no key update;
  return p;
end
$$;

revoke all on function private.adopt_invoice(public.subscriptions, jsonb, text, bigint) from public, anon, authenticated, service_role;
