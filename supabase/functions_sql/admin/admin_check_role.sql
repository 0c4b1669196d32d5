-- admin_check_role(p_role) -> text      called by: backend/rpc/admin.py as whoever asks for an admin's route
-- The role that the signed-in user has now: this one or a higher one; null asks for any. The guards of admin routes ask
-- on each request, so that a role that was taken away opens nothing any more.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403
create or replace function private.admin_check_role(p_role text)
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform private.require_role(coalesce(p_role, 'support'));
  return (select r.role from private.user_roles r where r.user_id = auth.uid());
end
$$;

create or replace function public.admin_check_role(p_role text)
returns text
language sql
stable
set search_path = ''
as $$
  select private.admin_check_role(p_role);
$$;

revoke all on function private.admin_check_role(text), public.admin_check_role(text)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_check_role(text), public.admin_check_role(text) to authenticated;
