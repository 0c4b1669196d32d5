-- admin_adjust_credits(p_user_id, p_amount, p_reason, p_idempotency_key, p_expires_at, p_dry_run) -> jsonb
--   called by: backend/rpc/admin.py as an admin
-- Adds credits to what somebody has, or takes away (below zero) what is available, down to zero and never further: an adjustment, see
-- adjustment_json. `added` is what moved and `balance` the new total. A missing wallet is made. What is above the limits of the role (role_limits)
-- moves nothing and waits for a second admin (pending); what is above its ceiling is refused. One key of one admin adjusts once, for ever.
-- Lock order: the admin's role, adjustment, wallet, audit log.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_amount 400 · invalid_params 422 · idempotency_key_reused 409 ·
--   user_not_found 404 · limit_exceeded 403 · insufficient_credits 402
create or replace function private.act_adjust_credits(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_amount bigint := (p_request ->> 'amount')::bigint;
  v_expires_at timestamptz := (p_request ->> 'expires_at')::timestamptz;
  v_key text := p_request ->> 'idempotency_key';
  v_digest bytea := private.request_digest('admin_adjust_credits', jsonb_build_array(p_subject_id, p_request - 'idempotency_key'));
  v_limits private.role_limits;
  v_before jsonb;
  a private.credit_adjustments;
  w public.wallets;
begin
  perform private.check_amount(abs(nullif(v_amount, -9223372036854775808))); -- the one number without an opposite
  perform private.check_reason(p_request ->> 'reason');
  perform private.check_idempotency_key(v_key);
  v_limits := private.lock_limits();
  select * into a from private.credit_adjustments x where x.requested_by = auth.uid() and x.idempotency_key = v_key;
  if a.request_digest <> v_digest then
    perform private.refuse_reused_key(v_key, jsonb_build_object('adjustment_id', a.id));
  end if;
  if a.id is not null then
    return jsonb_build_object('answer', private.adjustment_json(a), 'repeated', true);
  end if;
  if v_expires_at is not null and (v_amount < 0 or not isfinite(v_expires_at) or v_expires_at <= private.clock()) then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "expires_at"}',
      hint = 'expires_at is a time to come, and only for credits that are added; leave it out for credits that do not expire.';
  end if;
  w := private.open_wallet(p_subject_id::uuid);
  perform private.check_ceiling(v_limits, v_amount);
  if v_amount < 0 then
    perform private.check_available(w, -v_amount);
  end if;
  v_before := jsonb_build_object('balance', w.balance, 'available', w.balance - w.held);
  insert into private.credit_adjustments (wallet_id, amount, expires_at, reason, requested_by, idempotency_key, request_digest, created_at)
  values (w.id, v_amount, v_expires_at, btrim(p_request ->> 'reason'), auth.uid(), v_key, v_digest, private.clock())
  returning * into a;
  if private.within_limits(v_limits, v_amount) then
    a := private.apply_adjustment(a, w, null, null);
  end if;
  return jsonb_build_object('answer', private.adjustment_json(a), 'made', true, 'before', v_before, 'after', private.adjusted(a),
    'outcome', case a.status when 'pending' then 'pending' else 'done' end);
end
$$;

create or replace function private.admin_adjust_credits(
  p_user_id uuid, p_amount bigint, p_reason text, p_idempotency_key text, p_expires_at timestamptz, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'adjust_credits', 'user', p_user_id::text, jsonb_build_object('amount', p_amount, 'reason', p_reason,
    'idempotency_key', p_idempotency_key, 'expires_at', coalesce(nullif(private.rfc3339(p_expires_at), ''), p_expires_at::text)), p_dry_run);
$$;

create or replace function public.admin_adjust_credits(
  p_user_id uuid, p_amount bigint, p_reason text, p_idempotency_key text, p_expires_at timestamptz default null,
  p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_adjust_credits(p_user_id, p_amount, p_reason, p_idempotency_key, p_expires_at, p_dry_run);
$$;

revoke all on function private.act_adjust_credits(text, jsonb), private.admin_adjust_credits(uuid, bigint, text, text, timestamptz, boolean),
  public.admin_adjust_credits(uuid, bigint, text, text, timestamptz, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_adjust_credits(uuid, bigint, text, text, timestamptz, boolean),
  public.admin_adjust_credits(uuid, bigint, text, text, timestamptz, boolean) to authenticated;
