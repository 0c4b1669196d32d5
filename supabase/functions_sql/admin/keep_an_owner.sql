-- keep_an_owner() -> trigger      called by: user_roles, before an owner's role is changed or removed, also with the account
-- There is always an owner once there was one. Role changes of owners wait for each other, so that two who remove one another at the
-- same moment are not both right.
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
  perform pg_advisory_xact_lock(hashtextextended('private.user_roles', 0));
  if not exists (select from private.user_roles r where r.role = 'owner' and r.user_id <> old.user_id) then
    raise exception using errcode = 'PT409', message = 'last_owner', detail = jsonb_build_object('user_id', old.user_id)::text,
      hint = 'This is the last owner: make somebody else an owner first.';
  end if;
  return case when tg_op = 'UPDATE' then new else old end;
end
$$;

revoke all on function private.keep_an_owner() from public, anon, authenticated, service_role;

create or replace trigger user_roles_keep_an_owner
  before update or delete on private.user_roles
  for each row when (old.role = 'owner') execute function private.keep_an_owner();
