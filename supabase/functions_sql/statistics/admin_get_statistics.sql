-- admin_get_statistics(p_from, p_to, p_by, p_model) -> jsonb      called by: backend/rpc/statistics.py as an admin
-- {from, to, by, model, complete, data: [{day | month | model, credits, generations, cost_micros, unknown_costs, queue, revenue, margin_micros,
-- active_users}], total}: every day (UTC), month or model of the range, both ends included; months are told whole. By default the 30 days up to
-- today, by day. By model, or of one model: without what no model has, which is revenue, margin, active users, and credits that were not used.
-- Guarantees: each raw row that can be seen counts once, rolled up or not; not those that wait while complete is false. It costs in proportion to
-- the range. For support and above. By day and model at most 400 days, by month 1830. What the figures mean: docs/statistics.md.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422 · model_not_found 404
create or replace function private.admin_get_statistics(p_from date, p_to date, p_by text, p_model text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_to date := coalesce(p_to, (private.clock() at time zone 'utc')::date);
  v_from date := coalesce(p_from, v_to - 29);
  v_keys text[];
  v_data jsonb;
  v_total jsonb;
begin
  perform private.require_role('support');
  if (p_by in ('day', 'month', 'model')) is not true then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "by"}', hint = 'by is day, month or model.';
  end if;
  perform private.check_statistics_range(v_from, v_to, case p_by when 'month' then 1830 else 400 end);
  if p_by = 'month' then
    v_from := date_trunc('month', v_from::timestamp)::date;
    v_to := (date_trunc('month', v_to::timestamp) + interval '1 month - 1 day')::date;
  end if;
  if p_model is not null and not exists (select from public.models m where m.id = p_model) then
    raise exception using errcode = 'PT404', message = 'model_not_found', detail = jsonb_build_object('model', p_model)::text,
      hint = 'There is no such model.';
  end if;
  v_keys := '{""}' || case p_by
    when 'model' then array(select m.id from public.models m where p_model is null or m.id = p_model)
    else array(select distinct to_char(d, case p_by when 'day' then 'YYYY-MM-DD' else 'YYYY-MM' end) from generate_series(v_from::timestamp, v_to::timestamp, interval '1 day') d)
  end;
  with figure as (
    select c.key, case
      when p_by = 'model' or p_model is not null then jsonb_set(c.figures, '{credits}', (c.figures -> 'credits')
        - '{sold, granted, adjusted, expired, reversed, gifted, change}'::text[]) || g.figures
      else c.figures || g.figures || jsonb_build_object('revenue', r.revenue, 'margin_micros', r.usd_cents * 10000 - g.cost_micros)
        || case when c.key = '' then '{}' else jsonb_build_object('active_users', coalesce(a.users, 0)) end
      end as figures
    from private.statistics_credits(v_from, v_to, p_by, p_model, v_keys) c
      join private.statistics_generations(v_from, v_to, p_by, p_model, v_keys) g on g.key = c.key
      left join private.statistics_revenue(v_from, v_to, p_by, v_keys) r on r.key = c.key
      left join private.statistics_active(v_from, v_to, p_by) a on a.key = c.key
  )
  select coalesce(jsonb_agg(jsonb_build_object(p_by, f.key) || f.figures
      order by case when p_by = 'model' then -(f.figures #>> '{credits,used}')::numeric end, f.key) filter (where f.key <> ''), '[]'),
    (jsonb_agg(f.figures) filter (where f.key = '')) -> 0
  into v_data, v_total from figure f;
  return jsonb_build_object('from', to_char(v_from, 'YYYY-MM-DD'), 'to', to_char(v_to, 'YYYY-MM-DD'), 'by', p_by, 'model', p_model,
    'complete', exists (select from private.statistics_tail()), 'data', v_data, 'total', v_total);
end
$$;

create or replace function public.admin_get_statistics(
  p_from date default null, p_to date default null, p_by text default 'day', p_model text default null)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_get_statistics(p_from, p_to, p_by, p_model);
$$;

revoke all on function private.admin_get_statistics(date, date, text, text), public.admin_get_statistics(date, date, text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_get_statistics(date, date, text, text), public.admin_get_statistics(date, date, text, text)
  to authenticated;
