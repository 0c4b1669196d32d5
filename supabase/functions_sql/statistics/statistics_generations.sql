-- statistics_generations(p_from, p_to, p_by, p_model, p_keys) -> rows {key, figures, cost_micros}      called by: admin_get_statistics
-- Generations that ended, what they cost us, and how long they waited, as statistics_credits. A percentile is the upper bound of the bucket
-- that it lies in, at most the longest wait of all.
create or replace function private.statistics_generations(p_from date, p_to date, p_by text, p_model text, p_keys text[])
returns table (key text, figures jsonb, cost_micros numeric)
language sql
stable
set search_path = ''
as $$
  with fact as (
    select d.day, d.model_id, d.status, d.wait_bucket, d.generations, d.waited_ms, d.longest_ms, d.cost_micros, d.unknown_costs
    from private.daily_generations d where d.day between p_from and p_to
    union all
    select f.day, f.model_id, f.status, f.wait_bucket, 1, f.waited_ms, f.waited_ms, f.cost_micros, f.unknown_costs
    from private.statistics_tail() c cross join lateral private.generation_facts(c.generations_until, 'infinity') f
    where f.day between p_from and p_to
  ), summed as ( -- first, because it makes few rows of many
    select case when p_by <> 'model' then f.day end as day, case when p_by = 'model' then f.model_id end as model_id, f.status, f.wait_bucket,
      sum(f.generations)::bigint as generations, sum(f.waited_ms)::bigint as waited_ms, max(f.longest_ms) as longest_ms,
      sum(f.cost_micros)::bigint as cost_micros, sum(f.unknown_costs)::bigint as unknown_costs
    from fact f where p_model is null or f.model_id = p_model group by 1, 2, 3, 4
  ), keyed as (
    select k.key, f.status, f.wait_bucket, f.generations, f.waited_ms, f.longest_ms, f.cost_micros, f.unknown_costs
    from summed f cross join lateral (
      values (''), (case p_by when 'day' then to_char(f.day, 'YYYY-MM-DD') when 'month' then to_char(f.day, 'YYYY-MM') else f.model_id end)) k (key)
    union all
    select k, null, 0, 0, 0, 0, 0, 0 from unnest(p_keys) k
  ), bucket as (
    select x.key, (private.wait_bounds())[x.wait_bucket] as bound, sum(sum(x.generations)) over upto as upto,
      sum(sum(x.generations)) over (partition by x.key) as started
    from keyed x where x.wait_bucket > 0 group by x.key, x.wait_bucket
    window upto as (partition by x.key order by x.wait_bucket)
  ), percentile as (
    select b.key, min(coalesce(b.bound, 'infinity')) filter (where b.upto >= 0.5 * b.started) as p50,
      min(coalesce(b.bound, 'infinity')) filter (where b.upto >= 0.95 * b.started) as p95
    from bucket b group by b.key
  ), total as (
    select x.key, sum(x.generations) filter (where x.status = 'succeeded') as succeeded,
      sum(x.generations) filter (where x.status = 'failed') as failed, sum(x.generations) filter (where x.status = 'canceled') as canceled,
      sum(x.cost_micros) as cost_micros, sum(x.unknown_costs) as unknown_costs,
      coalesce(sum(x.generations) filter (where x.wait_bucket > 0), 0) as started, sum(x.waited_ms) as waited_ms,
      round(max(x.longest_ms) filter (where x.wait_bucket > 0) / 1000.0, 3) as longest
    from keyed x group by x.key
  )
  select t.key, jsonb_build_object(
    'generations', jsonb_build_object('succeeded', coalesce(t.succeeded, 0), 'failed', coalesce(t.failed, 0), 'canceled', coalesce(t.canceled, 0)),
    'cost_micros', t.cost_micros, 'unknown_costs', t.unknown_costs,
    'queue', jsonb_build_object('started', t.started, 'average_seconds', round(t.waited_ms / nullif(t.started, 0) / 1000, 3),
      'p50_seconds', least(p.p50, t.longest), 'p95_seconds', least(p.p95, t.longest),
      'longest_seconds', t.longest)), t.cost_micros
  from total t left join percentile p on p.key = t.key;
$$;

revoke all on function private.statistics_generations(date, date, text, text, text[]) from public, anon, authenticated, service_role;
