-- get_auto_topup() -> jsonb      called by: backend/rpc/topups.py as the user
-- {enabled, threshold, package_id, monthly_cap_cents, stopped_reason, updated_at}; null when it was never set.
-- Refuses: unauthenticated 401
create or replace function private.get_auto_topup()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
begin
  return (select private.auto_topup_json(a) from public.auto_topups a where a.user_id = v_user_id);
end
$$;

create or replace function public.get_auto_topup()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.get_auto_topup();
end
$$;

revoke all on function private.get_auto_topup(), public.get_auto_topup() from public, anon, authenticated, service_role;
grant execute on function private.get_auto_topup(), public.get_auto_topup() to authenticated;
