-- flag_default(p_key) -> boolean      called by: flag_on, when a flag that SQL asks for has no row
-- What code that asks declares, said in the log of the database. backend/flags.py declares the same, and a test compares the two with the rows.
-- A key that is not declared is a bug and fails, so that nothing is ever silently off.
create or replace function private.flag_default(p_key text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  v_declared boolean := ('{"generations": true, "batches": true, "payments": true, "sign_ups": true}'::jsonb ->> p_key)::boolean;
begin
  if v_declared is null then
    raise exception using errcode = 'PT500', message = 'internal', detail = jsonb_build_object('flag', p_key)::text,
      hint = format('Code asks for the feature flag %s, which nobody has declared.', p_key);
  end if;
  raise warning 'feature flag % has no row: its declared default counts: %. Mend: docs/flags.md', p_key, v_declared;
  return v_declared;
end
$$;

revoke all on function private.flag_default(text) from public, anon, authenticated, service_role;
