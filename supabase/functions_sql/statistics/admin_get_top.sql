-- admin_get_top(p_from, p_to, p_limit) -> jsonb      called by: backend/rpc/statistics.py as an admin
-- {from, to, complete, users: [{user_id, email, uses, credits}], models: [{model, uses, credits}]}: who, and what, used most credits (refunds
-- not taken off) on these days, both included; by default the 30 days up to today. user_id and email are null for who was erased.
-- Whole months are read from their own rows. For support and above; p_limit 1 to 200, at most 400 days.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422
create or replace function private.admin_get_top(p_from date, p_to date, p_limit integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_to date := coalesce(p_to, (private.clock() at time zone 'utc')::date);
  v_from date := coalesce(p_from, v_to - 29);
  v_first date; -- whole months begin
  v_after date; -- and end before
  v_users jsonb;
  v_models jsonb;
begin
  perform private.require_role('support');
  perform private.check_statistics_range(v_from, v_to, 400);
  perform private.check_page_limit(p_limit);
  v_first := date_trunc('month', v_from::timestamp + interval '1 month - 1 day')::date;
  v_after := greatest(v_first, date_trunc('month', (v_to + 1)::timestamp)::date);
  with fact as (
    select w.wallet_id, w.uses, w.credits from private.active_wallets w where w.period = 'month' and w.start >= v_first and w.start < v_after
    union all
    select w.wallet_id, w.uses, w.credits from private.active_wallets w
    where w.period = 'day' and w.start between v_from and least(v_to, v_first - 1)
    union all
    select w.wallet_id, w.uses, w.credits from private.active_wallets w where w.period = 'day' and w.start between v_after and v_to
    union all
    select f.wallet_id, 1, -f.credits from private.statistics_tail() c cross join lateral private.ledger_facts(c.ledger_uncounted) f
    where f.kind = 'usage' and f.day between v_from and v_to
  ), top as (
    select f.wallet_id, sum(f.uses) as uses, sum(f.credits) as credits from fact f group by 1 order by 3 desc, 2 desc, 1 limit p_limit
  )
  select coalesce(jsonb_agg(jsonb_build_object('user_id', w.user_id, 'email', u.email, 'uses', t.uses, 'credits', t.credits)
    order by t.credits desc, t.uses desc, t.wallet_id), '[]') into v_users
  from top t left join public.wallets w on w.id = t.wallet_id left join auth.users u on u.id = w.user_id;
  with fact as (
    select d.model_id, d.entries, d.credits from private.daily_credits d
    where d.day between v_from and v_to and d.kind = 'usage' and d.model_id <> ''
    union all
    select f.model_id, 1, f.credits from private.statistics_tail() c cross join lateral private.ledger_facts(c.ledger_uncounted) f
    where f.kind = 'usage' and f.model_id <> '' and f.day between v_from and v_to
  ), top as (
    select f.model_id, sum(f.entries) as uses, -sum(f.credits) as credits from fact f group by 1 order by 3 desc, 2 desc, 1 limit p_limit
  )
  select coalesce(jsonb_agg(jsonb_build_object('model', t.model_id, 'uses', t.uses, 'credits', t.credits)
    order by t.credits desc, t.uses desc, t.model_id), '[]') into v_models from top t;
  return jsonb_build_object('from', to_char(v_from, 'YYYY-MM-DD'), 'to', to_char(v_to, 'YYYY-MM-DD'),
    'complete', exists (select from private.statistics_tail()), 'users', v_users, 'models', v_models);
end
$$;

create or replace function public.admin_get_top(p_from date default null, p_to date default null, p_limit integer default 10)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_get_top(p_from, p_to, p_limit);
$$;

revoke all on function private.admin_get_top(date, date, integer), public.admin_get_top(date, date, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_get_top(date, date, integer), public.admin_get_top(date, date, integer) to authenticated;
