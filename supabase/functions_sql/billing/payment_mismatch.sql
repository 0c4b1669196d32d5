-- payment_mismatch(p, p_state) -> text      called by: move_payment
-- Why what Stripe says cannot be about this payment, or is not what we sold; null when all is well. Nothing is granted on a mismatch.
create or replace function private.payment_mismatch(p public.payments, p_state jsonb)
returns text
language sql
stable
set search_path = ''
as $$
  select case
    when p_state ->> 'payment_id' is distinct from p.id::text then 'wrong_payment'
    when p_state ->> 'user_id' <> p.user_id::text
      or (p_state ->> 'user_id' is null and p.granted_credits = 0) then 'wrong_user'
    when p_state ->> 'checkout_session_id' <> p.checkout_session_id or p_state ->> 'payment_intent_id' <> p.payment_intent_id
      or p_state ->> 'invoice_id' <> p.invoice_id then 'wrong_session'
    when exists (
      select from public.payments x where x.id <> p.id and (
        x.checkout_session_id = p_state ->> 'checkout_session_id' or x.payment_intent_id = p_state ->> 'payment_intent_id'
        or x.charge_id = p_state ->> 'charge_id' or x.invoice_id = p_state ->> 'invoice_id')) then 'wrong_session'
    when p_state ->> 'status' <> 'paid' or p.granted_credits > 0 then null
    when p.user_id is null then 'user_erased'
    when p_state ->> 'problem' is not null then p_state ->> 'problem'
    when p_state ->> 'currency' is distinct from p.currency then 'wrong_currency'
    when (p_state ->> 'amount_cents')::bigint is distinct from p.amount_cents
      or (p_state ->> 'charged_cents')::bigint is distinct from p.amount_cents
        - coalesce((p_state ->> 'discount_cents')::bigint, 0) + coalesce((p_state ->> 'tax_cents')::bigint, 0) then 'wrong_amount'
  end;
$$;

revoke all on function private.payment_mismatch(public.payments, jsonb) from public, anon, authenticated, service_role;
