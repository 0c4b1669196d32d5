-- rfc3339(p_time) -> text      called by: functions that answer JSON, and the hash of the ledger
-- A time as RFC 3339 in UTC with microseconds and Z, whatever the session's settings are.
create or replace function private.rfc3339(p_time timestamptz)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return to_char(p_time at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
end
$$;

revoke all on function private.rfc3339(timestamptz) from public, anon, authenticated, service_role;
