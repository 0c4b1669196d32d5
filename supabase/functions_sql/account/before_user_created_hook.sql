-- before_user_created_hook(event) -> jsonb      called by: Supabase Auth as supabase_auth_admin, before it makes a user who signs up or is invited
-- While the flag `sign_ups` is off nobody signs up. Nobody is signed in then, so a share, roles and users let nobody in until it is 100 percent.
-- Users that a server makes through the admin API of Auth are not asked for.
create or replace function public.before_user_created_hook(event jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return case
    when private.flag_on('sign_ups', null) then '{}'
    else '{"error": {"http_code": 403, "message": "Sign-ups are closed at the moment."}}'::jsonb
  end;
end
$$;

revoke all on function public.before_user_created_hook(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.before_user_created_hook(jsonb) to supabase_auth_admin;
