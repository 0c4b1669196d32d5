-- recount_generations(p_from, p_to) -> jsonb      called by: operators, after generations were imported or changed by hand
-- Counts generations that ended on these days (both included, at most 366) anew: {generations}. What was erased since is not counted any more.
-- Refuses: invalid_params 422
create or replace function public.recount_generations(p_from date, p_to date)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  c private.statistics_cursor;
  v_counted bigint;
begin
  perform private.check_statistics_range(p_from, p_to, 366);
  select * into strict c from private.statistics_cursor for update;
  delete from private.daily_generations d where d.day between p_from and p_to;
  select r.counted into v_counted
  from private.roll_up_generations(p_from::timestamp at time zone 'utc',
    least((p_to + 1)::timestamp at time zone 'utc', c.generations_until), null) r;
  return jsonb_build_object('generations', v_counted);
end
$$;

revoke all on function public.recount_generations(date, date) from public, anon, authenticated, service_role;
grant execute on function public.recount_generations(date, date) to service_role;
