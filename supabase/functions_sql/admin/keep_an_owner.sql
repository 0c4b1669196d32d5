-- keep_an_owner() -> trigger      called by: user_roles, before an owner's role is changed or removed, also with the account
-- There is always an owner who can act, once there was one: see check_other_owner.
-- Refuses: last_owner 409
create or replace function private.keep_an_owner()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_op = 'UPDATE' and new.role = 'owner' and new.user_id = old.user_id then
    return new;
  end if;
  perform private.check_other_owner(old.user_id);
  return case when tg_op = 'UPDATE' then new else old end;
end
$$;

revoke all on function private.keep_an_owner() from public, anon, authenticated, service_role;

create or replace trigger user_roles_keep_an_owner
  before update or delete on private.user_roles
  for each row when (old.role = 'owner') execute function private.keep_an_owner();
