-- require_flag(p_key) -> void      called by: operations that begin something, after they have looked for a stored outcome of their key
-- Whether the signed-in user may begin what this flag guards.
-- Refuses: feature_disabled 403
create or replace function private.require_flag(p_key text)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if not private.flag_on(p_key, auth.uid()) then
    raise exception using errcode = 'PT403', message = 'feature_disabled', detail = jsonb_build_object('flag', p_key)::text,
      hint = 'This feature is switched off at the moment.';
  end if;
end
$$;

revoke all on function private.require_flag(text) from public, anon, authenticated, service_role;
