-- live_subscription(p_user_id) -> subscriptions      called by: start_subscription, get_subscription
-- The user's newest subscription that has not ended; a row of nulls when there is none.
create or replace function private.live_subscription(p_user_id uuid)
returns public.subscriptions
language sql
stable
set search_path = ''
as $$
  select s from public.subscriptions s
  where s.user_id = p_user_id and s.status not in ('canceled', 'incomplete', 'incomplete_expired')
  order by s.created_at desc, s.id limit 1;
$$;

revoke all on function private.live_subscription(uuid) from public, anon, authenticated, service_role;
