-- require_role(p_role) -> uuid      called by: the vault of every admin operation
-- The signed-in user, who must have this role or a higher one: support < admin < owner. Looked up here, because the claim
-- in a token can be an hour old.
-- Refuses: unauthenticated 401 · forbidden 403
create or replace function private.require_role(p_role text)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_roles text[] := array['support', 'admin', 'owner'];
begin
  if not exists (
    select from private.user_roles r
    where r.user_id = v_user_id and array_position(v_roles, r.role) >= array_position(v_roles, p_role)) then
    raise exception using errcode = 'PT403', message = 'forbidden', detail = jsonb_build_object('required', p_role)::text,
      hint = format('This needs the role %s.', p_role);
  end if;
  return v_user_id;
end
$$;

revoke all on function private.require_role(text) from public, anon, authenticated, service_role;
