-- admin_list_flags() -> jsonb      called by: backend/rpc/flags.py as an admin
-- [flag_json] of every flag, by key. For support and above.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403
create or replace function private.admin_list_flags()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform private.require_role('support');
  return (select coalesce(jsonb_agg(private.flag_json(f) order by f.key), '[]') from public.feature_flags f);
end
$$;

create or replace function public.admin_list_flags()
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_list_flags();
$$;

revoke all on function private.admin_list_flags(), public.admin_list_flags() from public, anon, authenticated, service_role;
grant execute on function private.admin_list_flags(), public.admin_list_flags() to authenticated;
