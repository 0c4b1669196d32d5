-- collect_metrics() -> jsonb      called by: backend/rpc/metrics.py as service_role, from the scheduler
-- Adds to metric_totals what ended since the last call, an hour of it at most: {counted_until, generations, ledger_rows}.
-- Guarantees: everything is counted once, however often and by whomever it is called. It reads what is new, never history.
create or replace function public.collect_metrics()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  c private.metric_cursor;
  v_until timestamptz;
  v_ledger_id bigint;
  v_generations bigint;
  v_rows bigint;
begin
  select * into strict c from private.metric_cursor for update;
  -- A row is written a moment before it can be seen. No transaction of ours lasts so long that 20 seconds would not do.
  v_until := greatest(c.counted_until, least(private.clock() - interval '20 seconds', c.counted_until + interval '1 hour'));
  v_generations := private.count_generations(c.counted_until, v_until);

  with fresh as materialized (
    select t.id, t.kind, t.amount, t.absorbed from public.credit_transactions t
    -- Ids and times of concurrent writers cross a little: the id tells where to look, the time what counts.
    where t.id > c.ledger_id - 100 and t.created_at > c.counted_until and t.created_at <= v_until
  ), added as (
    insert into private.metric_totals as m (name, labels, value)
    select f.name, f.labels, sum(f.value)
    from fresh t cross join lateral (values
      ('ledger_credits', jsonb_build_object('kind', t.kind), abs(t.amount)),
      ('credits_absorbed', '{}', t.absorbed)) f(name, labels, value)
    group by f.name, f.labels
    on conflict (name, labels) do update set value = m.value + excluded.value
  )
  select max(t.id), count(*) into v_ledger_id, v_rows from fresh t;
  update private.metric_cursor x set counted_until = v_until, ledger_id = greatest(x.ledger_id, coalesce(v_ledger_id, 0))
  where true;
  return jsonb_build_object('counted_until', private.rfc3339(v_until), 'generations', v_generations, 'ledger_rows', v_rows);
end
$$;

revoke all on function public.collect_metrics() from public, anon, authenticated, service_role;
grant execute on function public.collect_metrics() to service_role;
