-- generation_facts(p_from, p_until, p_limit) -> rows      called by: roll_up_generations, recount_generations, statistics_generations
-- The only place that says as what a generation counts, once it has ended: those that ended in [p_from, p_until), the first p_limit.
-- wait_bucket is that of wait_bucket(), written out.
create or replace function private.generation_facts(p_from timestamptz, p_until timestamptz, p_limit bigint default 100000)
returns table (day date, model_id text, status text, wait_bucket smallint, waited_ms bigint, cost_micros bigint, unknown_costs bigint)
language sql
stable
set search_path = ''
as $$
  select (g.finished_at at time zone 'utc')::date, g.model_id, g.status,
    coalesce(1 + width_bucket(extract(epoch from g.started_at - g.created_at), b.bounds), 0)::smallint,
    coalesce(round(1000 * extract(epoch from g.started_at - g.created_at)), 0)::bigint,
    coalesce(g.cost_micros, 0), (g.status = 'succeeded' and g.cost_micros is null)::integer::bigint
  from (
    select x.* from public.generations x where x.finished_at >= p_from and x.finished_at < p_until
    order by x.finished_at limit p_limit) g
  cross join (select private.wait_bounds() as bounds) b;
$$;

revoke all on function private.generation_facts(timestamptz, timestamptz, bigint) from public, anon, authenticated, service_role;
