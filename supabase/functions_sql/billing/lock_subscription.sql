-- lock_subscription(p_state) -> subscriptions      called by: apply_subscription_state
-- Makes our row of a subscription when there is none yet, and locks it. Lock order: event, subscription, payment, wallet.
-- Refuses: invalid_state 409 (the customer is not the one of the user that is named)
create or replace function private.lock_subscription(p_state jsonb)
returns public.subscriptions
language plpgsql
set search_path = ''
as $$
declare
  v_user_id uuid := (select c.user_id from private.stripe_customers c where c.customer_id = p_state ->> 'customer_id');
  s public.subscriptions;
begin
  select * into s from public.subscriptions x where x.stripe_subscription_id = p_state ->> 'id' for no key update;
  if found then
    return s;
  end if;
  if v_user_id is null or v_user_id::text is distinct from p_state ->> 'user_id' then
    raise exception using errcode = 'PT409', message = 'invalid_state',
      detail = jsonb_build_object('stripe_subscription_id', p_state ->> 'id', 'user_id', p_state ->> 'user_id')::text,
      hint = 'The customer of this subscription is not the user that it names. Look at it in Stripe''s dashboard.';
  end if;
  insert into public.subscriptions (user_id, wallet_id, stripe_subscription_id, status, created_at, updated_at)
  values (v_user_id, private.ensure_account(v_user_id), p_state ->> 'id', p_state ->> 'status',
    coalesce((p_state ->> 'created_at')::timestamptz, private.clock()), private.clock())
  on conflict (stripe_subscription_id) do nothing;
  select * into strict s from public.subscriptions x where x.stripe_subscription_id = p_state ->> 'id' for no key update;
  return s;
end
$$;

revoke all on function private.lock_subscription(jsonb) from public, anon, authenticated, service_role;
