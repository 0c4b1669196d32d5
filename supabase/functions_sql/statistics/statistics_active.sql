-- statistics_active(p_from, p_to, p_by) -> rows {key, users}      called by: admin_get_statistics
-- How many used credits, per day or month: those that are counted, and those of rows not yet rolled up who are new in it.
create or replace function private.statistics_active(p_from date, p_to date, p_by text)
returns table (key text, users numeric)
language sql
stable
set search_path = ''
as $$
  with fact as (
    select n.start, n.wallets from private.active_counts n where n.period = p_by and n.start between p_from and p_to
    union all
    select x.start, 1 from (
      select distinct date_trunc(case p_by when 'month' then p_by else 'day' end, f.day::timestamp)::date as start, f.wallet_id
      from private.statistics_tail() c cross join lateral private.ledger_facts(c.ledger_uncounted) f
      where f.kind = 'usage' and f.day between p_from and p_to) x
    where ( -- one by one: a join may read all wallets of all years
      select w.uses from private.active_wallets w where w.period = p_by and w.start = x.start and w.wallet_id = x.wallet_id) is null
  )
  select to_char(f.start, case p_by when 'day' then 'YYYY-MM-DD' else 'YYYY-MM' end), sum(f.wallets) from fact f group by 1;
$$;

revoke all on function private.statistics_active(date, date, text) from public, anon, authenticated, service_role;
