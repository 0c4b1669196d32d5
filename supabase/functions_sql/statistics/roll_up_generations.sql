-- roll_up_generations(p_from, p_until, p_limit) -> (until, counted)      called by: roll_up_statistics, recount_generations
-- Adds generations that ended in [p_from, p_until) to daily_generations: about p_limit of them (null: all), those that ended first.
-- Returns up to where. What ended in the same microsecond is counted together.
create or replace function private.roll_up_generations(
  p_from timestamptz, p_until timestamptz, p_limit integer, out until timestamptz, out counted bigint)
language plpgsql
set search_path = ''
as $$
begin
  select least(p_until, max(x.finished_at) + interval '1 microsecond') into until
  from (
    select g.finished_at from public.generations g where g.finished_at >= p_from and g.finished_at < p_until
    order by g.finished_at limit p_limit) x
  having count(*) = p_limit;
  until := coalesce(until, p_until);
  with fact as materialized (
    select * from private.generation_facts(p_from, until, null)
  ), summed as (
    insert into private.daily_generations as d (
      day, model_id, status, wait_bucket, generations, waited_ms, longest_ms, cost_micros, unknown_costs)
    select f.day, f.model_id, f.status, f.wait_bucket, count(*), sum(f.waited_ms), max(f.waited_ms), sum(f.cost_micros), sum(f.unknown_costs)
    from fact f group by 1, 2, 3, 4
    on conflict (day, model_id, status, wait_bucket) do update
    set generations = d.generations + excluded.generations, waited_ms = d.waited_ms + excluded.waited_ms,
        longest_ms = greatest(d.longest_ms, excluded.longest_ms), cost_micros = d.cost_micros + excluded.cost_micros,
        unknown_costs = d.unknown_costs + excluded.unknown_costs
  )
  select count(*) into counted from fact;
end
$$;

revoke all on function private.roll_up_generations(timestamptz, timestamptz, integer) from public, anon, authenticated, service_role;
