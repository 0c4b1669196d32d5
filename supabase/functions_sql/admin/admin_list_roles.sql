-- admin_list_roles() -> jsonb      called by: backend/rpc/admin.py as an admin
-- [{user_id, email, role, since}], the highest role first: everybody who has one. For admins.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403
create or replace function private.admin_list_roles()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform private.require_role('admin');
  return (
    select coalesce(jsonb_agg(jsonb_build_object('user_id', r.user_id, 'email', u.email, 'role', r.role,
      'since', private.rfc3339(r.created_at)) order by array_position(array['owner', 'admin', 'support'], r.role), r.created_at, r.user_id), '[]')
    from private.user_roles r join auth.users u on u.id = r.user_id);
end
$$;

create or replace function public.admin_list_roles()
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_list_roles();
$$;

revoke all on function private.admin_list_roles(), public.admin_list_roles() from public, anon, authenticated, service_role;
grant execute on function private.admin_list_roles(), public.admin_list_roles() to authenticated;
