-- list_scheduled_jobs() -> jsonb      called by: backend/rpc/scheduler.py as service_role, for /ready, metrics and the doctor
-- [{name, interval_seconds, late_seconds, last_started_at, last_finished_at, last_outcome, last_error, last_result, runs, failures,
-- failures_in_a_row}]; none until a scheduler has led for the first time. See scheduled_jobs_json.
create or replace function public.list_scheduled_jobs()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select private.scheduled_jobs_json();
$$;

revoke all on function public.list_scheduled_jobs() from public, anon, authenticated, service_role;
grant execute on function public.list_scheduled_jobs() to service_role;
