-- get_me() -> jsonb      called by: backend/rpc/account.py as the user, set_low_balance_threshold
-- {id, display_name, avatar_path, marketing_consent, low_balance_threshold, role, created_at, credits}; role is null for ordinary users.
-- Refuses: unauthenticated 401 · user_not_found 404
create or replace function private.get_me()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_credits jsonb := private.get_credit_balance();
  p public.profiles;
begin
  insert into public.profiles (user_id)
  select v_user_id where not exists (select from public.profiles q where q.user_id = v_user_id)
  on conflict do nothing;
  select * into strict p from public.profiles q where q.user_id = v_user_id;
  return jsonb_build_object(
    'id', p.user_id, 'display_name', p.display_name, 'avatar_path', p.avatar_path,
    'marketing_consent', p.marketing_consent,
    'low_balance_threshold', (select w.low_balance_threshold from public.wallets w where w.user_id = v_user_id),
    'role', (select r.role from private.user_roles r where r.user_id = v_user_id),
    'created_at', private.rfc3339(p.created_at), 'credits', v_credits);
end
$$;

create or replace function public.get_me()
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.get_me();
end
$$;

revoke all on function private.get_me(), public.get_me() from public, anon, authenticated, service_role;
grant execute on function private.get_me(), public.get_me() to authenticated;
