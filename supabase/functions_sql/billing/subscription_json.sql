-- subscription_json(s) -> jsonb      called by: operations that answer a subscription
-- What the subscriber may see. plan_id: what is paid for now; next_plan_id: what the next period will be, null when there will be none.
create or replace function private.subscription_json(s public.subscriptions)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'id', s.id, 'status', s.status,
    'plan_id', coalesce((
      select p.plan_id from public.payments p where p.subscription_id = s.id and p.granted_credits > 0
      order by p.period_end desc, p.created_at desc limit 1), s.plan_id),
    'next_plan_id', case when s.ended_at is null and not s.cancel_at_period_end then s.plan_id end,
    'current_period_start', private.rfc3339(s.current_period_start), 'current_period_end', private.rfc3339(s.current_period_end),
    'cancel_at_period_end', s.cancel_at_period_end, 'ended_at', private.rfc3339(s.ended_at),
    'created_at', private.rfc3339(s.created_at));
$$;

revoke all on function private.subscription_json(public.subscriptions) from public, anon, authenticated, service_role;
