-- admin_get_balance_at(p_user_id, p_at) -> jsonb      called by: backend/rpc/admin.py as an admin
-- {balance, at}: anybody's posted credits at that time, from the ledger. For support and above. See balance_at.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · user_not_found 404 · invalid_params 422
create or replace function private.admin_get_balance_at(p_user_id uuid, p_at timestamptz)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform private.require_role('support');
  if not exists (select from auth.users u where u.id = p_user_id) then
    raise exception using errcode = 'PT404', message = 'user_not_found',
      detail = jsonb_build_object('user_id', p_user_id)::text, hint = 'There is no such user.';
  end if;
  return private.balance_at(p_user_id, p_at);
end
$$;

create or replace function public.admin_get_balance_at(p_user_id uuid, p_at timestamptz)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_get_balance_at(p_user_id, p_at);
$$;

revoke all on function private.admin_get_balance_at(uuid, timestamptz), public.admin_get_balance_at(uuid, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_get_balance_at(uuid, timestamptz), public.admin_get_balance_at(uuid, timestamptz)
  to authenticated;
