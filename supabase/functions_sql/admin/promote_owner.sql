-- promote_owner(p_email) -> jsonb      called by: scripts/admin.py, with access to the database
-- Makes somebody an owner by e-mail address: the way to the first owner, and back in when all owners are out of reach.
-- {user_id, role, previous}. Written into the audit log like the rest.
-- Refuses: user_not_found 404
create or replace function private.promote_owner(p_email text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_user_id uuid := (
    select u.id from auth.users u where lower(u.email) = lower(btrim(p_email)) and not u.is_sso_user);
  v_before text;
begin
  if v_user_id is null then
    raise exception using errcode = 'PT404', message = 'user_not_found', detail = jsonb_build_object('email', p_email)::text,
      hint = 'Nobody has signed up with this address.';
  end if;
  v_before := private.change_role(v_user_id, 'owner');
  if v_before is distinct from 'owner' then
    perform private.audit('system:promote', null, 'set_role', 'user', v_user_id::text, '{"role": "owner"}',
      jsonb_build_object('role', v_before), '{"role": "owner"}', 'scripts/admin.py promote');
  end if;
  return jsonb_build_object('user_id', v_user_id, 'role', 'owner', 'previous', v_before);
end
$$;

revoke all on function private.promote_owner(text) from public, anon, authenticated, service_role;
