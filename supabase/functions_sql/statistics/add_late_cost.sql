-- add_late_cost(g, p_cost_micros) -> void      called by: receive_provider_result
-- What an ended generation (g: as it was before) turns out to have cost, added to the day on which it ended if that was rolled up already.
-- The lock keeps a roll-up from running at the same time, which would miss it or count it twice; roll-ups lock no generation.
create or replace function private.add_late_cost(g public.generations, p_cost_micros bigint)
returns void
language plpgsql
set search_path = ''
as $$
declare
  c private.statistics_cursor;
begin
  select * into strict c from private.statistics_cursor for share;
  update private.daily_generations d
  set cost_micros = d.cost_micros + p_cost_micros,
      unknown_costs = d.unknown_costs - (g.status = 'succeeded' and g.cost_micros is null)::integer
  where g.finished_at < c.generations_until and d.day = (g.finished_at at time zone 'utc')::date and d.model_id = g.model_id
    and d.status = g.status and d.wait_bucket = private.wait_bucket(g.started_at - g.created_at);
end
$$;

revoke all on function private.add_late_cost(public.generations, bigint) from public, anon, authenticated, service_role;
