-- admin_list_credit_transactions(p_user_id, p_before, p_limit) -> jsonb      called by: backend/rpc/users.py as an admin
-- Anybody's ledger as he sees it: see list_credit_transactions. For support and above.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · user_not_found 404 · invalid_params 422
create or replace function private.admin_list_credit_transactions(p_user_id uuid, p_before bigint, p_limit integer)
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
  return private.transactions_page(p_user_id, p_before, p_limit);
end
$$;

create or replace function public.admin_list_credit_transactions(p_user_id uuid, p_before bigint default null, p_limit integer default 50)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_list_credit_transactions(p_user_id, p_before, p_limit);
$$;

revoke all on function private.admin_list_credit_transactions(uuid, bigint, integer), public.admin_list_credit_transactions(uuid, bigint, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_list_credit_transactions(uuid, bigint, integer), public.admin_list_credit_transactions(uuid, bigint, integer)
  to authenticated;
