-- get_metrics() -> jsonb      called by: backend/rpc/metrics.py as service_role, when /metrics is read
-- {totals: [{name, labels, value}], counted_until, generations: {queued, held_back, running, oldest_seconds},
-- incidents: [{kind, open}], ledger_problems, holds: {open, credits}, statistics_behind_seconds}.
-- It costs in proportion to what is open. oldest_seconds: of those that a worker could take; 0 when there is none.
create or replace function public.get_metrics()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_queued jsonb;
begin
  select jsonb_build_object('queued', count(*) filter (where isfinite(g.dispatch_at)),
      'held_back', count(*) filter (where not isfinite(g.dispatch_at)),
      'oldest_seconds', greatest(0, coalesce(round(extract(epoch from v_now - min(g.created_at) filter (where isfinite(g.dispatch_at))), 3), 0)))
    into v_queued
  from public.generations g where g.status = 'queued';
  return jsonb_build_object(
    'totals', (select coalesce(jsonb_agg(jsonb_build_object('name', m.name, 'labels', m.labels, 'value', m.value)
      order by m.name, m.labels), '[]') from private.metric_totals m),
    'counted_until', (select private.rfc3339(c.counted_until) from private.metric_cursor c),
    'generations', v_queued || jsonb_build_object(
      'running', (select count(*) from public.generations g where g.status = 'running')),
    'incidents', (select coalesce(jsonb_agg(jsonb_build_object('kind', x.kind, 'open', x.open) order by x.kind), '[]') from (
      select i.kind, count(*) as open from private.incidents i where i.ended_at is null group by i.kind) x),
    'ledger_problems', (select count(*) from private.ledger_problems p where p.resolved_at is null),
    'statistics_behind_seconds', private.statistics_behind(),
    'holds', (select jsonb_build_object('open', count(*), 'credits', coalesce(sum(r.amount), 0))
      from public.credit_reservations r where r.status = 'held'));
end
$$;

revoke all on function public.get_metrics() from public, anon, authenticated, service_role;
grant execute on function public.get_metrics() to service_role;
