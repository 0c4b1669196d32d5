-- flag_on(p_key, p_user_id) -> boolean      called by: require_flag, the operations that go on without what is switched off, the sign-up hook
-- Whether a flag is on for a user; null: for somebody who is not signed in. One look at one row; what flag_reason says decides.
create or replace function private.flag_on(p_key text, p_user_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  f public.feature_flags;
begin
  select * into f from public.feature_flags x where x.key = p_key;
  if not found then
    return private.flag_default(p_key);
  end if;
  return private.flag_reason(f, p_user_id) not in ('off', 'not_chosen');
end
$$;

revoke all on function private.flag_on(text, uuid) from public, anon, authenticated, service_role;
