-- lock_flag(p_key, p_version) -> feature_flags      called by: acts on flags
-- The flag, locked until the act ends. p_version: the one that the admin has seen; null: whichever there is.
-- Refuses, first match wins: flag_not_found 404 · invalid_state 409 (somebody else changed it)
create or replace function private.lock_flag(p_key text, p_version integer)
returns public.feature_flags
language plpgsql
set search_path = ''
as $$
declare
  f public.feature_flags;
begin
  select * into f from public.feature_flags x where x.key = p_key for no key update;
  if not found then
    raise exception using errcode = 'PT404', message = 'flag_not_found', detail = jsonb_build_object('flag', p_key)::text,
      hint = 'There is no such flag.';
  elsif f.version <> p_version then
    raise exception using errcode = 'PT409', message = 'invalid_state', detail = jsonb_build_object('version', f.version)::text,
      hint = 'Somebody else has changed this flag. Look at it again, then send the version that you have seen.';
  end if;
  return f;
end
$$;

revoke all on function private.lock_flag(text, integer) from public, anon, authenticated, service_role;
