-- plan_scheduled_jobs(p_jobs) -> jsonb      called by: backend/rpc/scheduler.py as service_role, from a scheduler that begins to lead
-- Takes [{name, interval_seconds}], all jobs of the release that leads; returns when each began last: [{name, started_seconds_ago}],
-- null for one that never ran, or failed when it last did: a new leader tries it at once. Seconds, so that the scheduler's clock does not matter.
-- Guarantees: what is known of a job stays. A job that is not named any more is not planned and thus never late.
-- Refuses: invalid_params 422
create or replace function public.plan_scheduled_jobs(p_jobs jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_planned jsonb;
begin
  if p_jobs is null or jsonb_typeof(p_jobs) <> 'array' or exists (
    select from jsonb_array_elements(p_jobs) e
    where (jsonb_typeof(e -> 'name') = 'string' and jsonb_typeof(e -> 'interval_seconds') = 'number') is not true) then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "jobs"}',
      hint = 'Send every job with its name and its interval in seconds.';
  end if;
  update private.scheduled_jobs j set planned = false
  where j.planned and not exists (select from jsonb_array_elements(p_jobs) e where e ->> 'name' = j.name);
  insert into private.scheduled_jobs as j (name, interval_seconds, planned_at)
  select e ->> 'name', (e ->> 'interval_seconds')::double precision, v_now
  from jsonb_array_elements(p_jobs) e order by 1
  on conflict (name) do update set
    interval_seconds = excluded.interval_seconds,
    planned_at = case when j.planned then j.planned_at else v_now end,
    planned = true;
  select coalesce(jsonb_agg(jsonb_build_object(
    'name', j.name, 'started_seconds_ago', case when j.last_outcome is distinct from 'failed' then abs(extract(epoch from v_now - j.last_started_at)) end)
    order by j.name), '[]')
  into v_planned
  from private.scheduled_jobs j where j.planned;
  return v_planned;
end
$$;

revoke all on function public.plan_scheduled_jobs(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.plan_scheduled_jobs(jsonb) to service_role;
