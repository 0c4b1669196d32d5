-- statistics_behind() -> double precision      called by: get_metrics, get_alert_facts, the doctor
-- For how many seconds the roll-ups have not been whole. One to two minutes is as it should be; answers read what is missing along.
create or replace function private.statistics_behind()
returns double precision
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select greatest(0, extract(epoch from private.clock() - c.caught_up_at)) from private.statistics_cursor c);
end
$$;

revoke all on function private.statistics_behind() from public, anon, authenticated, service_role;
