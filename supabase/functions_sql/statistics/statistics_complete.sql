-- statistics_complete() -> boolean      called by: admin_get_statistics, admin_get_top, admin_get_cohorts
-- Whether what is not yet rolled up is little enough to be read along. False while a first count, or one anew, goes on.
create or replace function private.statistics_complete()
returns boolean
language sql
stable
set search_path = ''
as $$
  select not exists (select from public.credit_transactions t where t.id >= private.open_end(c.ledger_uncounted) order by t.id offset 99999)
    and not exists (select from private.payment_history h where h.id >= private.open_end(c.payments_uncounted) order by h.id offset 99999)
    and not exists (select from public.generations g where g.finished_at >= c.generations_until order by g.finished_at offset 99999)
  from private.statistics_cursor c;
$$;

revoke all on function private.statistics_complete() from public, anon, authenticated, service_role;
