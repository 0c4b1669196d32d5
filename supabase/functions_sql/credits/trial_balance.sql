-- trial_balance() -> rows {account, kind, entries, credits}      called by: operators, backend/rpc/credits.py as service_role
-- Double entry: what wallets hold, against the opposite of every movement per contra account and kind. The last row, difference, is zero.
create or replace function public.trial_balance()
returns table (account text, kind text, entries bigint, credits numeric)
language sql
stable
security definer
set search_path = ''
as $$
  with contra as (
    select t.contra, t.kind, count(*) as entries, -sum(t.amount) as credits
    from public.credit_transactions t group by 1, 2
  ), wallets as (
    select count(*) as entries, coalesce(sum(w.balance), 0) as credits from public.wallets w
  )
  select x.account, x.kind, x.entries, x.credits from (
    select 1 as n, 'wallets' as account, null as kind, w.entries, w.credits from wallets w
    union all
    select 2, c.contra, c.kind, c.entries, c.credits from contra c
    union all
    select 3, 'difference', null, (select sum(c.entries) from contra c)::bigint,
      (select w.credits from wallets w) + (select coalesce(sum(c.credits), 0) from contra c)
  ) x order by x.n, x.account, x.kind;
$$;

revoke all on function public.trial_balance() from public, anon, authenticated, service_role;
grant execute on function public.trial_balance() to service_role;
