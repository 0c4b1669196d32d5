-- refund_order(t) -> jsonb      called by: refund_transaction
-- The credits a usage took, last burned first: what it took on debt (grant_id null), then its lots backwards.
create or replace function private.refund_order(t public.credit_transactions)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_agg(x.lot order by x.n desc)
  from (
    select e.lot, e.n from jsonb_array_elements(t.lots) with ordinality as e (lot, n)
    union all
    select jsonb_build_object('grant_id', null, 'amount', d.amount), 9223372036854775807
    from (select -t.amount - coalesce((
      select sum((e ->> 'amount')::bigint) from jsonb_array_elements(t.lots) e), 0) as amount) d
    where d.amount > 0
  ) x;
$$;

revoke all on function private.refund_order(public.credit_transactions) from public, anon, authenticated, service_role;
