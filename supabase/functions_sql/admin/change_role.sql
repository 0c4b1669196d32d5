-- change_role(p_user_id, p_role) -> text      called by: act_set_role, promote_owner
-- Gives somebody a role, or takes it away (null); returns the role before. The last owner stays: see keep_an_owner.
-- Refuses, first match wins: user_not_found 404 · last_owner 409
create or replace function private.change_role(p_user_id uuid, p_role text)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_before text;
begin
  if not exists (select from auth.users u where u.id = p_user_id) then
    raise exception using errcode = 'PT404', message = 'user_not_found',
      detail = jsonb_build_object('user_id', p_user_id)::text, hint = 'There is no such user.';
  end if;
  select r.role into v_before from private.user_roles r where r.user_id = p_user_id for update;
  if p_role is null then
    delete from private.user_roles r where r.user_id = p_user_id;
  elsif v_before is distinct from p_role then
    insert into private.user_roles (user_id, role) values (p_user_id, p_role)
    on conflict (user_id) do update set role = excluded.role;
  end if;
  return v_before;
end
$$;

revoke all on function private.change_role(uuid, text) from public, anon, authenticated, service_role;
