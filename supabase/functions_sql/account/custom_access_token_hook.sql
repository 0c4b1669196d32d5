-- custom_access_token_hook(event) -> jsonb      called by: Supabase Auth as supabase_auth_admin, on each new token
-- Adds the claim user_role. Guards read it for speed; every admin operation checks the role again, because a claim can be an hour old.
create or replace function public.custom_access_token_hook(event jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_role text;
begin
  select r.role into v_role from private.user_roles r where r.user_id = (event ->> 'user_id')::uuid;
  return jsonb_set(event, '{claims,user_role}', coalesce(to_jsonb(v_role), 'null'::jsonb));
end
$$;

revoke all on function public.custom_access_token_hook(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.custom_access_token_hook(jsonb) to supabase_auth_admin;
