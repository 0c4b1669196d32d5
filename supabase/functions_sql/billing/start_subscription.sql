-- start_subscription(p_plan_id, p_idempotency_key) -> jsonb      called by: backend/rpc/subscriptions.py as the user
-- The first payment of a subscription to be made, at the price that our row says now. A repeat of the key answers the first one as it is now.
-- Guarantees: one key, one payment, also under parallel calls. No credit moves here.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422 · user_not_found 404 · idempotency_key_reused 409 ·
--   feature_disabled 403 · plan_not_found 404 · invalid_state 409 (there is a subscription, which can be changed)
create or replace function private.start_subscription(p_plan_id text, p_idempotency_key text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_digest bytea := private.request_digest('start_subscription', jsonb_build_array(p_plan_id));
  v_now timestamptz := private.clock();
  v_wallet_id uuid;
  l public.plans;
  s public.subscriptions;
  p public.payments;
begin
  perform private.check_idempotency_key(p_idempotency_key);
  v_wallet_id := private.ensure_account(v_user_id);
  select * into p from public.payments x where x.wallet_id = v_wallet_id and x.idempotency_key = p_idempotency_key;
  if p.id is null or p.status = 'pending' and p.request_digest = v_digest then -- nobody has seen a page to pay on
    perform private.require_flag('payments');
  end if;
  if p.id is null then
    select * into l from public.plans x where x.id = p_plan_id and x.active;
    if not found then
      perform private.refuse_unknown_plan(p_plan_id);
    end if;
    s := private.live_subscription(v_user_id);
    if s.id is not null then
      raise exception using errcode = 'PT409', message = 'invalid_state', detail = jsonb_build_object('plan_id', s.plan_id)::text,
        hint = 'You have a subscription. Change its plan instead.';
    end if;
    insert into public.payments (user_id, wallet_id, kind, plan_id, credits, amount_cents, currency, check_at,
      idempotency_key, request_digest, created_at, updated_at)
    values (v_user_id, v_wallet_id, 'subscription', l.id, l.credits, l.amount_cents, l.currency,
      v_now + interval '10 minutes', p_idempotency_key, v_digest, v_now, v_now)
    on conflict (wallet_id, idempotency_key) do nothing;
    select * into strict p from public.payments x where x.wallet_id = v_wallet_id and x.idempotency_key = p_idempotency_key;
  end if;
  if p.request_digest <> v_digest then
    perform private.refuse_reused_key(p_idempotency_key, jsonb_build_object('payment_id', p.id));
  end if;
  return private.payment_json(p);
end
$$;

create or replace function public.start_subscription(p_plan_id text, p_idempotency_key text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.start_subscription(p_plan_id, p_idempotency_key);
end
$$;

revoke all on function private.start_subscription(text, text), public.start_subscription(text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.start_subscription(text, text), public.start_subscription(text, text) to authenticated;
