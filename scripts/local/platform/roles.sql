-- The roles of a Supabase project, with their attributes, memberships and settings. Runs twice without change.
-- Run everything in this folder as the superuser supabase_admin: "postgres" is an ordinary role, as on hosted projects.

do $$
begin
  if current_user <> 'supabase_admin' then
    raise exception 'run this as supabase_admin, the superuser that initdb -U supabase_admin makes (you are %)', current_user;
  end if;
end
$$;

-- Roles belong to the whole cluster: whoever prepares another database at the same moment waits here.
lock table pg_catalog.pg_authid in share row exclusive mode;

do $$
declare
  role text;
begin
  foreach role in array array['postgres', 'anon', 'authenticated', 'service_role', 'authenticator',
    'supabase_auth_admin', 'supabase_storage_admin', 'supabase_realtime_admin', 'supabase_read_only_user',
    'dashboard_user'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = role) then
      execute pg_catalog.format('create role %I', role);
    end if;
  end loop;
end
$$;

alter role supabase_admin superuser createdb createrole replication bypassrls login;
alter role postgres nosuperuser createdb createrole replication bypassrls login;
alter role anon nologin inherit;
alter role authenticated nologin inherit;
alter role service_role nologin inherit bypassrls;
alter role authenticator login noinherit;
alter role supabase_auth_admin login noinherit nocreaterole;
alter role supabase_storage_admin login noinherit createrole;
alter role supabase_realtime_admin nologin noinherit;
alter role supabase_read_only_user login bypassrls;
alter role dashboard_user nologin createdb createrole replication;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to supabase_storage_admin;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
grant pg_read_all_data to supabase_read_only_user;

do $$
begin  -- since 16, being allowed to create roles no longer means being allowed to hand them out
  execute 'grant anon, authenticated, service_role to postgres'
    || case when current_setting('server_version_num')::int >= 160000 then ' with admin option' else '' end;
end
$$;

-- Wider than hosted, where the extension supautils lets postgres make policies on storage tables and nothing else.
grant supabase_storage_admin to postgres;

-- These apply at log-in only. The REST server reads those of anon and authenticated and sets them per transaction.
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role authenticator set search_path = "$user", public, extensions;
alter role postgres set search_path = "$user", public, extensions;
alter role supabase_admin set search_path = "$user", public, auth, extensions;
alter role supabase_auth_admin set search_path = auth;
alter role supabase_auth_admin set idle_in_transaction_session_timeout = '60s';
alter role supabase_storage_admin set search_path = storage;
