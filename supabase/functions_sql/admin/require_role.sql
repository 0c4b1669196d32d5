-- require_role(p_role) -> uuid      called by: run_act, and the vault of every admin operation that only reads
-- The signed-in user, who must have this role or a higher one: support < admin < owner. Looked up here, because the claim
-- in a token can be an hour old; when the token claims more than there is, the refusal says so.
-- Whoever Supabase Auth has banned may nothing as long as his token lives, either.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · user_suspended 403
create or replace function private.require_role(p_role text)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_roles text[] := array['support', 'admin', 'owner'];
  v_claimed text := auth.jwt() ->> 'user_role';
begin
  if not exists (
    select from private.user_roles r
    where r.user_id = v_user_id and array_position(v_roles, r.role) >= array_position(v_roles, p_role)) then
    raise exception using errcode = 'PT403', message = 'forbidden',
      detail = jsonb_strip_nulls(jsonb_build_object('required', p_role, 'claimed', v_claimed))::text,
      hint = format('This needs the role %s.', p_role) || coalesce(' Your token says '
        || case when array_position(v_roles, v_claimed) >= array_position(v_roles, p_role) then v_claimed end
        || ', which you are not any more: sign in again.', '');
  end if;
  perform private.check_not_suspended(v_user_id);
  return v_user_id;
end
$$;

revoke all on function private.require_role(text) from public, anon, authenticated, service_role;
