-- get_subscription() -> jsonb      called by: backend/rpc/subscriptions.py as the user
-- The user's subscription: the live one, else the one that ended last; null when there never was one.
-- Refuses: unauthenticated 401
create or replace function private.get_subscription()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  s public.subscriptions := private.live_subscription(v_user_id);
begin
  if s.id is null then
    select * into s from public.subscriptions x where x.user_id = v_user_id order by x.created_at desc, x.id limit 1;
  end if;
  return case when s.id is not null then private.subscription_json(s) end;
end
$$;

create or replace function public.get_subscription()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.get_subscription();
end
$$;

revoke all on function private.get_subscription(), public.get_subscription() from public, anon, authenticated, service_role;
grant execute on function private.get_subscription(), public.get_subscription() to authenticated;
