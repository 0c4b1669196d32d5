-- The schemas of a Supabase project and who may use them.
-- They belong to supabase_admin: `supabase db reset` drops every schema that does not.

create schema if not exists extensions authorization supabase_admin;
create schema if not exists auth authorization supabase_admin;
create schema if not exists storage authorization supabase_admin;
create schema if not exists realtime authorization supabase_admin;
create schema if not exists graphql_public authorization supabase_admin;

do $$
begin  -- postgres owns its database, and with it (through pg_database_owner) the schema public
  execute pg_catalog.format('alter database %I owner to postgres', current_database());
end
$$;

grant usage, create on schema public to postgres;
grant usage on schema public to anon, authenticated, service_role;

grant all on schema extensions to postgres;
grant usage on schema extensions to anon, authenticated, service_role, dashboard_user;

grant usage on schema auth to postgres, anon, authenticated, service_role;
grant all on schema auth to supabase_auth_admin, dashboard_user;

grant usage on schema storage to postgres with grant option;
grant usage on schema storage to anon, authenticated, service_role;
grant all on schema storage to supabase_storage_admin, dashboard_user;

grant usage on schema realtime to postgres, anon, authenticated, service_role;
grant all on schema realtime to supabase_realtime_admin;

grant usage on schema graphql_public to postgres, anon, authenticated, service_role;
