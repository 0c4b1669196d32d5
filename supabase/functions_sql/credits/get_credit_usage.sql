-- get_credit_usage(p_from, p_to, p_by) -> jsonb      called by: backend/rpc/credits.py as the user
-- {data: [{day | action | model, credits, count}], from, to} over [from, to), by day (UTC, oldest first), action or model (most credits first).
-- credits: what was spent less what was refunded. count: uses, not refunds. By default the 30 days up to now; at most 366 days;
-- a time to come means now.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422
create or replace function private.get_credit_usage(p_from timestamptz, p_to timestamptz, p_by text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  v_user_id uuid := private.require_user();
  v_to timestamptz := least(p_to, private.clock());
  v_from timestamptz := coalesce(p_from, v_to - interval '30 days');
  v_field text := case
    when p_by is null or p_by not in ('day', 'action', 'model') then 'by'
    when not isfinite(v_to) or p_to = 'infinity' then 'to'
    when not isfinite(v_from) or v_from >= v_to or v_to - v_from > interval '366 days' then 'from'
  end;
begin
  if v_field is not null then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = jsonb_build_object('field', v_field)::text,
      hint = 'by is day, action or model; from lies before to, by at most 366 days.';
  end if;
  return jsonb_build_object('from', private.rfc3339(v_from), 'to', private.rfc3339(v_to), 'data', (
    select coalesce(jsonb_agg(jsonb_build_object(p_by, x.name, 'credits', x.credits, 'count', x.count)
      order by case when p_by = 'day' then x.name end, x.credits desc, x.name), '[]')
    from (
      select y.name, sum(y.credits) as credits, count(*) filter (where y.action <> 'refund' or p_by = 'action') as count
      from (
        select u.action, u.credits, case p_by
          when 'day' then to_char(u.created_at at time zone 'utc', 'YYYY-MM-DD')
          when 'action' then u.action
          else u.metadata ->> 'model' end as name
        from public.usage_logs u
        where u.user_id = v_user_id and u.created_at >= v_from and u.created_at < v_to
      ) y
      where y.name is not null
      group by y.name
    ) x));
end
$$;

create or replace function public.get_credit_usage(
  p_from timestamptz default null, p_to timestamptz default null, p_by text default 'day')
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.get_credit_usage(p_from, p_to, p_by);
end
$$;

revoke all on function private.get_credit_usage(timestamptz, timestamptz, text), public.get_credit_usage(timestamptz, timestamptz, text)
  from public, anon, authenticated, service_role;
grant execute on function private.get_credit_usage(timestamptz, timestamptz, text), public.get_credit_usage(timestamptz, timestamptz, text)
  to authenticated;
