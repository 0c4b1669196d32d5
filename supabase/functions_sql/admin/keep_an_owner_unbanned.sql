-- keep_an_owner_unbanned() -> trigger      called by: auth.users, before Supabase Auth bans somebody
-- An owner who can act stays: the last one is not banned, as he is not deleted. See check_other_owner.
-- Refuses: last_owner 409
create or replace function private.keep_an_owner_unbanned()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if new.banned_until > private.clock() then
    perform private.check_other_owner(new.id);
  end if;
  return new;
end
$$;

revoke all on function private.keep_an_owner_unbanned() from public, anon, authenticated, service_role;

create or replace trigger scrip_keep_an_owner_unbanned
  before update of banned_until on auth.users
  for each row when (new.banned_until is distinct from old.banned_until) execute function private.keep_an_owner_unbanned();
