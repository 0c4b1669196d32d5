-- get_alert_facts(p_minutes) -> jsonb      called by: backend/rpc/scheduler.py as service_role, from the scheduler and the doctor
-- What the database knows of trouble: {queued, overdue_seconds, finished, provider_failures, problems, failing_jobs,
-- parked_events, flagged_payments, statistics_behind_seconds}. queued: whether any
-- generation waits for a worker; overdue_seconds: for how long the oldest has been due without being told to the queue; finished and
-- provider_failures: generations that ended in the last p_minutes, and those of them that failed by no fault of the user;
-- problems: {open, oldest: [{wallet_id, problem, found_at}]}, at most five of them; parked_events and flagged_payments: how many wait for people.
-- Guarantees: it costs in proportion to what is open and to what ended in those minutes.
-- Refuses: invalid_params 422
create or replace function public.get_alert_facts(p_minutes integer default 15)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
begin
  if p_minutes between 1 and 1440 is not true then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "minutes"}',
      hint = 'minutes is a whole number from 1 to 1440.';
  end if;
  return (
    select jsonb_build_object(
      'queued', exists (select from public.generations g where g.status = 'queued' and g.dispatch_at < 'infinity'),
      'overdue_seconds', coalesce((
        select greatest(0, extract(epoch from v_now - min(g.dispatch_at))) from public.generations g
        where g.status = 'queued' and g.dispatch_at <= v_now), 0),
      'finished', x.finished, 'provider_failures', x.failures,
      'problems', jsonb_build_object(
        'open', (select count(*) from private.ledger_problems p where p.resolved_at is null),
        'oldest', (select coalesce(jsonb_agg(jsonb_build_object(
          'wallet_id', p.wallet_id, 'problem', p.problem, 'found_at', private.rfc3339(p.found_at)) order by p.id), '[]')
          from (select * from private.ledger_problems p where p.resolved_at is null order by p.id limit 5) p)),
      'failing_jobs', (select coalesce(jsonb_agg(jsonb_build_object(
        'name', j.name, 'failures_in_a_row', j.failures_in_a_row, 'last_error', j.last_error) order by j.name), '[]')
        from private.scheduled_jobs j where j.planned and j.failures_in_a_row > 0),
      'parked_events', (select count(*) from private.stripe_events e where e.state = 'parked'),
      'flagged_payments', (select count(*) from public.payments p where p.status = 'flagged'),
      'statistics_behind_seconds', private.statistics_behind())
    from (
      select count(*) as finished, count(*) filter (where g.status = 'failed'
        and (g.error_code like 'provider\_%' or g.error_code in ('timeout', 'worker_lost', 'storage_unavailable', 'internal'))) as failures
      from public.generations g where g.finished_at > v_now - make_interval(mins => p_minutes)) x);
end
$$;

revoke all on function public.get_alert_facts(integer) from public, anon, authenticated, service_role;
grant execute on function public.get_alert_facts(integer) to service_role;
