-- flag_states(p_user_id) -> jsonb      called by: get_flags, admin_get_user
-- {key: {on, why}} of every flag that has a row, as it is for this user now; why: see flag_reason.
create or replace function private.flag_states(p_user_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_object_agg(x.key, jsonb_build_object('on', x.why not in ('off', 'not_chosen'), 'why', x.why)), '{}')
    from (select f.key, private.flag_reason(f, p_user_id) as why from public.feature_flags f) x);
end
$$;

revoke all on function private.flag_states(uuid) from public, anon, authenticated, service_role;
