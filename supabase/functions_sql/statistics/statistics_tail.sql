-- statistics_tail() -> rows of statistics_cursor, one or none      called by: statistics_*, admin_get_statistics, admin_get_top, admin_get_cohorts
-- What the roll-ups lack, when it is little enough to be read along: the answer is complete. Nothing while a long history is being counted.
create or replace function private.statistics_tail()
returns setof private.statistics_cursor
language sql
stable
set search_path = ''
as $$
  select c.* from private.statistics_cursor c
  where not exists (select from public.credit_transactions t where t.id >= private.open_end(c.ledger_uncounted) order by t.id offset 99999)
    and not exists (select from private.payment_history h where h.id >= private.open_end(c.payments_uncounted) order by h.id offset 99999)
    and not exists (select from public.generations g where g.finished_at >= c.generations_until order by g.finished_at offset 99999);
$$;

revoke all on function private.statistics_tail() from public, anon, authenticated, service_role;
