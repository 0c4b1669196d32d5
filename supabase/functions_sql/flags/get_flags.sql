-- get_flags() -> jsonb      called by: backend/rpc/flags.py as the user
-- {key: whether it is on for me} of every flag that has a row.
-- Refuses: unauthenticated 401
create or replace function private.get_flags()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return (select coalesce(jsonb_object_agg(s.key, s.value -> 'on'), '{}') from jsonb_each(private.flag_states(private.require_user())) s);
end
$$;

create or replace function public.get_flags()
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.get_flags();
$$;

revoke all on function private.get_flags(), public.get_flags() from public, anon, authenticated, service_role;
grant execute on function private.get_flags(), public.get_flags() to authenticated;
