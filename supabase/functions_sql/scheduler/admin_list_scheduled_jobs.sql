-- admin_list_scheduled_jobs() -> jsonb      called by: backend/rpc/admin.py as an admin
-- The same as list_scheduled_jobs, for support and above.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403
create or replace function private.admin_list_scheduled_jobs()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform private.require_role('support');
  return private.scheduled_jobs_json();
end
$$;

create or replace function public.admin_list_scheduled_jobs()
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_list_scheduled_jobs();
$$;

revoke all on function private.admin_list_scheduled_jobs(), public.admin_list_scheduled_jobs()
  from public, anon, authenticated, service_role;
grant execute on function private.admin_list_scheduled_jobs(), public.admin_list_scheduled_jobs() to authenticated;
