-- check_other_owner(p_user_id) -> void      called by: keep_an_owner, keep_an_owner_unbanned
-- If this is an owner, somebody else is one who can act: whom Supabase Auth has banned does not count. Whoever may change that waits for the
-- others here, so that two who remove one another at the same moment are not both right.
-- Refuses: last_owner 409
create or replace function private.check_other_owner(p_user_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('private.user_roles', 0));
  if exists (select from private.user_roles r where r.user_id = p_user_id and r.role = 'owner') and not exists (
    select from private.user_roles r join auth.users u on u.id = r.user_id
    where r.role = 'owner' and r.user_id <> p_user_id and coalesce(u.banned_until <= private.clock(), true)) then
    raise exception using errcode = 'PT409', message = 'last_owner', detail = jsonb_build_object('user_id', p_user_id)::text,
      hint = 'This is the last owner who is not suspended: make somebody else an owner first.';
  end if;
end
$$;

revoke all on function private.check_other_owner(uuid) from public, anon, authenticated, service_role;
