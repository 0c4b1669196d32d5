-- What new objects in public are born with on projects from before 2026: everything, for every API role.
-- (PostgreSQL itself adds EXECUTE on new functions for PUBLIC.)

alter default privileges for role postgres in schema public
  grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  grant all on functions to postgres, anon, authenticated, service_role;
