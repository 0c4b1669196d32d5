-- get_schema_version() -> text      called by: backend/rpc/platform.py as service_role
-- The newest applied migration, 14 digits; null when the history table is missing or empty.
create or replace function public.get_schema_version()
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_version text;
begin
  if to_regclass('supabase_migrations.schema_migrations') is not null then
    execute 'select max(version) from supabase_migrations.schema_migrations' into v_version;
  end if;
  return v_version;
end
$$;

revoke all on function public.get_schema_version() from public, anon, authenticated, service_role;
grant execute on function public.get_schema_version() to service_role;
