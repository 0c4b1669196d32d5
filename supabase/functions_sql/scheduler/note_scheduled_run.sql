-- note_scheduled_run(p_name, p_started_seconds_ago, ...) -> void      called by: backend/rpc/scheduler.py as service_role, after a run
-- Notes how the last run of a job went, and how many runs and failures there were since the note before. One small row is written.
-- p_failures_in_a_row counts within this leadership; a success makes it 0. A job that is not planned is not noted.
-- Refuses: invalid_params 422
create or replace function public.note_scheduled_run(
  p_name text, p_started_seconds_ago double precision, p_took_seconds double precision, p_runs bigint, p_failures bigint,
  p_failures_in_a_row bigint, p_error text default null, p_result jsonb default null)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_started timestamptz;
begin
  if (p_started_seconds_ago between 0 and 1000000000 and p_took_seconds between 0 and p_started_seconds_ago
      and p_runs between 1 and 1000000000 and p_failures between 0 and p_runs and p_failures_in_a_row >= 0) is not true then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "runs"}',
      hint = 'Say how long ago the run began, how long it took, and how many there were.';
  end if;
  v_started := private.clock() - make_interval(secs => p_started_seconds_ago);
  update private.scheduled_jobs j
  set last_started_at = greatest(j.last_started_at, v_started),
      last_finished_at = greatest(j.last_finished_at, v_started + make_interval(secs => p_took_seconds)),
      last_outcome = case when p_error is null then 'ok' else 'failed' end,
      last_error = left(p_error, 1000),
      last_result = p_result,
      runs = j.runs + p_runs,
      failures = j.failures + p_failures,
      failures_in_a_row = p_failures_in_a_row
  where j.name = p_name;
end
$$;

revoke all on function public.note_scheduled_run(text, double precision, double precision, bigint, bigint, bigint, text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.note_scheduled_run(text, double precision, double precision, bigint, bigint, bigint, text, jsonb)
  to service_role;
