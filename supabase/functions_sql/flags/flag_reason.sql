-- flag_reason(f, p_user_id) -> text      called by: flag_on, flag_states
-- Why a flag is on for somebody (everybody, user, role, percentage, plan), or off (off: for all; not_chosen: for him). First match wins; one
-- condition that fits is enough. Nobody signed in (null) is only chosen with everybody.
-- The share is stable: a user has one place of 100 per flag, so who is in at 10 % stays in at 20 %, and flags choose different users.
create or replace function private.flag_reason(f public.feature_flags, p_user_id uuid)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_share integer;
begin
  if not f.enabled then
    return 'off';
  elsif f.percentage = 100 then
    return 'everybody';
  end if;
  v_share := private.flag_share(f);
  return case
    when v_share = 100 then 'plan'
    when p_user_id = any (f.users) then 'user'
    when exists (select from private.user_roles r where r.user_id = p_user_id and r.role = any (f.roles)) then 'role'
    when private.flag_place(f.key, p_user_id) < f.percentage then 'percentage'
    when private.flag_place(f.key, p_user_id) < v_share then 'plan'
    else 'not_chosen'
  end;
end
$$;

revoke all on function private.flag_reason(public.feature_flags, uuid) from public, anon, authenticated, service_role;
