-- on_auth_user_created() -> trigger      called by: auth.users, after insert
-- A new user has profile, wallet and sign-up credits before the sign-up answers.
create or replace function private.on_auth_user_created()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.ensure_account(new.id);
  return null;
end
$$;

revoke all on function private.on_auth_user_created() from public, anon, authenticated, service_role;

create or replace trigger scrip_on_auth_user_created
  after insert on auth.users
  for each row execute function private.on_auth_user_created();
