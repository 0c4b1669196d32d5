-- admin_get_cohorts(p_from, p_to) -> jsonb      called by: backend/rpc/statistics.py as an admin
-- {from, to, complete, data: [{month, users, months: [{month, buyers, revenue: [{currency, net_cents}]}]}]}: who paid for the first time in a
-- month, and in which months they paid how much since, up to today. p_from and p_to: days in the first and the last month of first payments;
-- by default the last twelve. For support and above; at most 1830 days. It reads a row per buyer and month of all times.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422
create or replace function private.admin_get_cohorts(p_from date, p_to date)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_to date := coalesce(p_to, (private.clock() at time zone 'utc')::date);
  v_from date;
  v_data jsonb;
begin
  perform private.require_role('support');
  perform private.check_statistics_range(coalesce(p_from, v_to), v_to, 1830);
  v_to := date_trunc('month', v_to::timestamp)::date;
  v_from := date_trunc('month', coalesce(p_from::timestamp, v_to::timestamp - interval '11 months'))::date;
  with fact as (
    select m.wallet_id, m.month, m.currency, m.payments, m.revenue_cents from private.monthly_buyers m
    union all
    select f.wallet_id, date_trunc('month', f.day::timestamp)::date, f.currency, f.payments, f.charged_cents - f.refunded_cents - f.disputed_cents
    from private.statistics_tail() c cross join lateral private.payment_facts(c.payments_uncounted) f
  ), bought as (
    select f.wallet_id, f.month, f.currency, sum(f.payments) as payments, sum(f.revenue_cents) as revenue_cents,
      min(case when sum(f.payments) > 0 then f.month end) over (partition by f.wallet_id) as cohort
    from fact f group by 1, 2, 3
  ), cell as (
    select b.cohort, b.month, b.currency, sum(b.revenue_cents) as net_cents from bought b
    where b.cohort between v_from and v_to group by 1, 2, 3 having bool_or(b.payments <> 0 or b.revenue_cents <> 0)
  ), buyers as (
    select b.cohort, b.month, count(distinct b.wallet_id) as buyers from bought b
    where b.cohort between v_from and v_to and b.payments > 0 group by 1, 2
  ), month as (
    select c.cohort, c.month, jsonb_agg(jsonb_build_object('currency', c.currency, 'net_cents', c.net_cents) order by c.currency) as revenue
    from cell c group by 1, 2
  ), cohort as (
    select m.cohort, max(b.buyers) filter (where m.month = m.cohort) as users, jsonb_agg(jsonb_build_object(
      'month', to_char(m.month, 'YYYY-MM'), 'buyers', coalesce(b.buyers, 0), 'revenue', m.revenue) order by m.month) as months
    from month m left join buyers b on b.cohort = m.cohort and b.month = m.month group by 1
  )
  select coalesce(jsonb_agg(jsonb_build_object('month', to_char(c.cohort, 'YYYY-MM'), 'users', c.users, 'months', c.months)
    order by c.cohort), '[]') into v_data from cohort c;
  return jsonb_build_object('from', to_char(v_from, 'YYYY-MM'), 'to', to_char(v_to, 'YYYY-MM'),
    'complete', exists (select from private.statistics_tail()), 'data', v_data);
end
$$;

create or replace function public.admin_get_cohorts(p_from date default null, p_to date default null)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_get_cohorts(p_from, p_to);
$$;

revoke all on function private.admin_get_cohorts(date, date), public.admin_get_cohorts(date, date)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_get_cohorts(date, date), public.admin_get_cohorts(date, date) to authenticated;
