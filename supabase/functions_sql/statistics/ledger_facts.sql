-- ledger_facts(p_ids, p_limit) -> rows      called by: roll_up_credits, statistics_credits, statistics_active, admin_get_top
-- The only place that says as what a ledger row counts. Ledger rows with one of these ids, lowest first, at most p_limit.
-- The model is looked up row by row: a join might read all generations.
create or replace function private.ledger_facts(p_ids int8multirange, p_limit bigint default 100000)
returns table (id bigint, day date, kind text, contra text, model_id text, wallet_id uuid, credits bigint, absorbed bigint)
language sql
stable
set search_path = ''
as $$
  select t.id, (t.created_at at time zone 'utc')::date, t.kind, t.contra,
    coalesce((select g.model_id from public.generations g where g.reservation_id = t.reservation_id), ''),
    t.wallet_id, t.amount, t.absorbed
  from (
    select x.* from unnest(p_ids) as u (ids) cross join lateral (
      select y.id, y.created_at, y.kind, y.contra, y.reservation_id, y.wallet_id, y.amount, y.absorbed
      from public.credit_transactions y
      where y.id >= lower(u.ids) and y.id < coalesce(upper(u.ids), 9223372036854775807)
      order by y.id limit p_limit) x
    limit p_limit) t;
$$;

revoke all on function private.ledger_facts(int8multirange, bigint) from public, anon, authenticated, service_role;
