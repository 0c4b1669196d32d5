-- clock() -> timestamptz      called by: every function that compares with now
-- The present moment, read when it is needed: a transaction that waited for a lock must not decide with the time it began at.
-- One place, so that a test can move time instead of waiting for it.
create or replace function private.clock()
returns timestamptz
language plpgsql
volatile
set search_path = ''
as $$
begin
  return clock_timestamp();
end
$$;

revoke all on function private.clock() from public, anon, authenticated, service_role;
