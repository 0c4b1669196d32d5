-- redeem_promo_code(p_code, p_idempotency_key) -> jsonb      called by: backend/rpc/promotions.py as the user
-- The credits of a code, as a promotion lot: {code, credits, expires_at, transaction_id, redeemed_at}. A repeat of the key answers the first
-- redemption. Capitals and space around it do not matter.
-- Guarantees: never more redemptions than the caps allow, also under parallel calls: both are counted under the lock of the code's row.
-- A code that is unknown, off, not valid now or used up by others is refused in one and the same way, so that guessing tells nothing.
-- Lock order: code, then wallet.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422 · user_not_found 404 · idempotency_key_reused 409 ·
--   promo_code_redeemed 409 · promo_code_not_found 404 · invalid_state 409 (it adds to a purchase)
create or replace function private.redeem_promo_code(p_code text, p_idempotency_key text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_code text := upper(btrim(p_code));
  v_digest bytea := private.request_digest('redeem_promo_code', to_jsonb(v_code));
  v_wallet_id uuid;
  v_now timestamptz;
  v private.promo_code_versions;
  r private.promo_redemptions;
  w public.wallets;
  t public.credit_transactions;
begin
  perform private.check_idempotency_key(p_idempotency_key);
  if v_code is null or char_length(v_code) not between 1 and 100 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "code"}', hint = 'Send a code.';
  end if;
  v_wallet_id := private.ensure_account(v_user_id);
  v := private.lock_promo_code(v_code);
  w := private.lock_wallet(v_wallet_id);
  v_now := private.clock();
  select * into r from private.promo_redemptions x where x.wallet_id = w.id and x.idempotency_key = p_idempotency_key;
  if r.request_digest <> v_digest then
    perform private.refuse_reused_key(p_idempotency_key);
  end if;
  if r.id is null then
    perform private.check_promo_code(v, v_code, w.id, false);
    r.id := gen_random_uuid();
    t := private.post_grant(w, v.credits, 'promotion', v_now + make_interval(days => v.credits_last_days), 'user:' || v_user_id,
      'promo_code:' || v_code, 'promo_code:' || v_code, 'promo_redemption:' || r.id, v_digest);
    insert into private.promo_redemptions (id, code, version, wallet_id, transaction_id, idempotency_key, request_digest, created_at)
    values (r.id, v.code, v.version, w.id, t.id, p_idempotency_key, v_digest, v_now)
    returning * into r;
    update private.promo_codes x set uses = x.uses + 1 where x.code = v.code;
  end if;
  return (
    select jsonb_build_object('code', r.code, 'credits', x.amount, 'expires_at', private.rfc3339(g.expires_at),
      'transaction_id', x.id, 'redeemed_at', private.rfc3339(r.created_at))
    from public.credit_transactions x join public.credit_grants g on g.id = (x.lots -> 0 ->> 'grant_id')::uuid
    where x.id = r.transaction_id);
end
$$;

create or replace function public.redeem_promo_code(p_code text, p_idempotency_key text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.redeem_promo_code(p_code, p_idempotency_key);
end
$$;

revoke all on function private.redeem_promo_code(text, text), public.redeem_promo_code(text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.redeem_promo_code(text, text), public.redeem_promo_code(text, text) to authenticated;
