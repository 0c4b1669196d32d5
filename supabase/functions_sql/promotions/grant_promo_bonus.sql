-- grant_promo_bonus(w, p) -> credit_transactions      called by: book_payment
-- What a code adds to a payment that was paid: a promotional lot of that payment, so that it is burnt first, is never given on, and goes
-- with the payment when that is reversed. p and w are locked, w is current.
create or replace function private.grant_promo_bonus(w public.wallets, p public.payments)
returns public.credit_transactions
language plpgsql
set search_path = ''
as $$
declare
  v record;
  t public.credit_transactions;
begin
  select r.id, x.code, x.credits_last_days into strict v
  from private.promo_redemptions r join private.promo_code_versions x on x.code = r.code and x.version = r.version
  where r.payment_id = p.id;
  t := private.post_grant(w, p.promo_credits, 'promotion', private.clock() + make_interval(days => v.credits_last_days), 'system:stripe',
    'promo_code:' || v.code, 'promo_code:' || v.code, 'promo_redemption:' || v.id, p.request_digest, p_payment_id => p.id);
  update private.promo_redemptions r set transaction_id = t.id where r.id = v.id;
  return t;
end
$$;

revoke all on function private.grant_promo_bonus(public.wallets, public.payments) from public, anon, authenticated, service_role;
