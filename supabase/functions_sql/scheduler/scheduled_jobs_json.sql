-- scheduled_jobs_json() -> jsonb      called by: list_scheduled_jobs, admin_list_scheduled_jobs, get_alert_facts
-- The planned jobs by name. late_seconds: by how much a job has missed its time; half an interval and a minute are allowed, which a
-- change of leader needs. 0: in time.
create or replace function private.scheduled_jobs_json()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'name', j.name,
      'interval_seconds', j.interval_seconds,
      'late_seconds', greatest(0, extract(epoch from v_now - coalesce(j.last_started_at, j.planned_at)) - j.interval_seconds * 1.5 - 60),
      'last_started_at', private.rfc3339(j.last_started_at),
      'last_finished_at', private.rfc3339(j.last_finished_at),
      'last_outcome', j.last_outcome,
      'last_error', j.last_error,
      'last_result', j.last_result,
      'runs', j.runs,
      'failures', j.failures,
      'failures_in_a_row', j.failures_in_a_row) order by j.name), '[]')
    from private.scheduled_jobs j where j.planned);
end
$$;

revoke all on function private.scheduled_jobs_json() from public, anon, authenticated, service_role;
