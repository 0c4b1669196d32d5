-- require_user() -> uuid      called by: the vault of every user operation
-- The signed-in user, taken from the token and never from an argument.
-- Refuses: unauthenticated 401
create or replace function private.require_user()
returns uuid
language plpgsql
stable
set search_path = ''
as $$
declare
  v_user_id uuid := auth.uid();
begin
  if v_user_id is null then
    raise exception using errcode = 'PT401', message = 'unauthenticated',
      hint = 'Sign in and send the access token as a bearer token.';
  end if;
  return v_user_id;
end
$$;

revoke all on function private.require_user() from public, anon, authenticated, service_role;
