-- list_unsigned_heads(p_after, p_limit) -> jsonb      called by: backend/rpc/receipts.py as service_role, from the scheduler
-- Looks at the p_limit wallets that follow p_after (null: the first) and returns the heads that have moved since their last
-- checkpoint and have none of today (UTC): {day, heads: [{wallet_id, transaction_id, ledger_head, balance}], next}. next is null at the end.
-- Guarantees: one call costs p_limit look-ups, whatever the history. A head that is not in the ledger is not offered for signing.
-- Refuses: invalid_params 422
create or replace function public.list_unsigned_heads(p_after uuid default null, p_limit integer default 500)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_day date := (private.clock() at time zone 'utc')::date;
  v_found jsonb;
begin
  perform private.check_sweep_limit(p_limit);
  with looked_at as materialized (
    select w.id, w.ledger_head, w.balance from public.wallets w
    where p_after is null or w.id > p_after
    order by w.id limit p_limit
  ), unsigned as (
    select x.id as wallet_id, t.id as transaction_id, encode(x.ledger_head, 'hex') as ledger_head, x.balance
    from looked_at x
    cross join lateral (
      select y.id, y.hash from public.credit_transactions y where y.wallet_id = x.id order by y.id desc limit 1) t
    left join lateral (
      select c.day, c.ledger_head from private.ledger_checkpoints c where c.wallet_id = x.id order by c.day desc limit 1) last on true
    where t.hash = x.ledger_head and (last.day is null or last.day < v_day and last.ledger_head <> x.ledger_head)
  )
  select jsonb_build_object(
    'day', v_day,
    'heads', (select coalesce(jsonb_agg(to_jsonb(u) order by u.wallet_id), '[]') from unsigned u),
    'next', (select case when count(*) = p_limit then (array_agg(x.id order by x.id desc))[1] end from looked_at x))
  into v_found;
  return v_found;
end
$$;

revoke all on function public.list_unsigned_heads(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function public.list_unsigned_heads(uuid, integer) to service_role;
