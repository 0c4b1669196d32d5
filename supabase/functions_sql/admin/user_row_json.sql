-- user_row_json(p_user_id) -> jsonb      called by: admin_list_users, admin_get_user
-- {id, email, display_name, role, suspended, balance, created_at, last_sign_in_at}. balance: posted credits; null without a wallet.
create or replace function private.user_row_json(p_user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'id', u.id, 'email', u.email, 'display_name', p.display_name, 'role', r.role, 'suspended', coalesce(u.banned_until > private.clock(), false),
      'balance', w.balance, 'created_at', private.rfc3339(coalesce(p.created_at, u.created_at)),
      'last_sign_in_at', private.rfc3339(u.last_sign_in_at))
    from auth.users u
      left join public.profiles p on p.user_id = u.id
      left join private.user_roles r on r.user_id = u.id
      left join public.wallets w on w.user_id = u.id
    where u.id = p_user_id);
end
$$;

revoke all on function private.user_row_json(uuid) from public, anon, authenticated, service_role;
