-- What new objects in public are born with since 2026 (for all projects from 2026-10-30): no access to data by default.
-- EXECUTE on new functions for PUBLIC remains, since it is PostgreSQL's own default.

alter default privileges for role postgres in schema public
  grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  revoke select, insert, update, delete on tables from anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  revoke usage, select on sequences from anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on functions to postgres;
alter default privileges for role postgres in schema public
  revoke execute on functions from anon, authenticated, service_role;
