-- grant_credits(p_user_id, p_amount, p_source, p_idempotency_key, p_expires_at, p_reason, p_reference) -> credit_transactions      called by: backend/rpc/credits.py as service_role
-- Credits in, as a lot of their own. A repeat of the key answers the first transaction.
-- Guarantees: one key grants once, for ever. A debt is paid first. A missing wallet is made.
-- Refuses, first match wins: invalid_amount 400 · invalid_params 422 · user_not_found 404 · idempotency_key_reused 409
create or replace function public.grant_credits(
  p_user_id uuid, p_amount bigint, p_source text, p_idempotency_key text, p_expires_at timestamptz default null,
  p_reason text default null, p_reference text default null)
returns public.credit_transactions
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_digest bytea := private.request_digest('grant_credits',
    jsonb_build_array(p_amount, p_source, private.rfc3339(p_expires_at), p_reason, p_reference));
  w public.wallets;
  t public.credit_transactions;
begin
  perform private.check_amount(p_amount);
  perform private.check_idempotency_key(p_idempotency_key);
  if p_source is null or p_source not in ('purchase', 'subscription', 'promotion', 'signup', 'admin', 'gift', 'refund') then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "source"}',
      hint = 'source is purchase, subscription, promotion, signup, admin, gift or refund.';
  end if;
  w := private.open_wallet(p_user_id);
  t := private.replayed_transaction(w.id, p_idempotency_key, v_digest);
  if t.id is not null then
    return t;
  end if;
  if p_expires_at <= private.clock() then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "expires_at"}',
      hint = 'expires_at must be in the future; leave it out for credits that do not expire.';
  end if;
  return private.post_grant(w, p_amount, p_source, p_expires_at, 'system:service', p_reason, p_reference,
    p_idempotency_key, v_digest);
end
$$;

revoke all on function public.grant_credits(uuid, bigint, text, text, timestamptz, text, text)
  from public, anon, authenticated, service_role;
grant execute on function public.grant_credits(uuid, bigint, text, text, timestamptz, text, text) to service_role;
