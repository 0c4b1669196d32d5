-- add_promo_code(p, p_code) -> payments      called by: start_checkout
-- Adds the percent of a code, rounded up, to a payment that was just made. The use is taken now, so that who has seen the page gets what it
-- said; one that is never paid stops counting. Lock order: payment, then code.
-- Refuses, first match wins: invalid_params 422 · promo_code_redeemed 409 · promo_code_not_found 404 · invalid_state 409
create or replace function private.add_promo_code(p public.payments, p_code text)
returns public.payments
language plpgsql
set search_path = ''
as $$
declare
  v private.promo_code_versions;
begin
  if char_length(p_code) not between 1 and 100 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "promo_code"}', hint = 'Send a code, or none.';
  end if;
  v := private.lock_promo_code(p_code);
  perform private.check_promo_code(v, p_code, p.wallet_id, true);
  insert into private.promo_redemptions (code, version, wallet_id, payment_id, idempotency_key, request_digest, created_at)
  values (v.code, v.version, p.wallet_id, p.id, 'payment:' || p.id, p.request_digest, p.created_at);
  update public.payments x
  set promo_credits = (p.credits * v.bonus_percent + 99) / 100, credits = p.credits + (p.credits * v.bonus_percent + 99) / 100
  where x.id = p.id
  returning * into p;
  return p;
end
$$;

revoke all on function private.add_promo_code(public.payments, text) from public, anon, authenticated, service_role;
