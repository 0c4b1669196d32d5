-- check_limited_role(p_role) -> void      called by: operations on the limits of a role
-- Support staff adjusts nothing, so it has no limits.
-- Refuses: invalid_params 422
create or replace function private.check_limited_role(p_role text)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_role is null or p_role not in ('admin', 'owner') then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "role"}',
      hint = 'role is admin or owner: nobody else adjusts credits.';
  end if;
end
$$;

revoke all on function private.check_limited_role(text) from public, anon, authenticated, service_role;
