-- verify_ledger(p_wallet_id) -> rows of problems, none when sound      called by: operators, backend/rpc/credits.py as service_role
-- Recomputes the books of one wallet or of all (null): the chain, its checkpoints, the running balance, and what wallet, lots and holds
-- must sum to. Signatures are checked offline, by scripts/verify_receipt.py.
create or replace function public.verify_ledger(p_wallet_id uuid default null)
returns table (wallet_id uuid, transaction_id bigint, problem text, detail jsonb)
language sql
stable
security definer
set search_path = ''
as $$
  with ledger as (
    select t.*, private.ledger_hash(t) as recomputed,
           lag(t.hash, 1, ''::bytea) over chain as previous, sum(t.amount) over chain as running
    from public.credit_transactions t
    where p_wallet_id is null or t.wallet_id = p_wallet_id
    window chain as (partition by t.wallet_id order by t.id)
  ), wallet as (
    select w.*,
      (select coalesce(sum(t.amount), 0) from public.credit_transactions t where t.wallet_id = w.id) as posted,
      coalesce((select t.hash from public.credit_transactions t where t.wallet_id = w.id order by t.id desc limit 1), ''::bytea) as head,
      (select coalesce(sum(g.remaining), 0) from public.credit_grants g where g.wallet_id = w.id and g.open) as in_lots,
      (select coalesce(sum(r.amount), 0) from public.credit_reservations r where r.wallet_id = w.id and r.status = 'held') as on_hold
    from public.wallets w
    where p_wallet_id is null or w.id = p_wallet_id
  )
  select l.wallet_id, l.id, 'row_changed', jsonb_build_object('hash', l.hash, 'recomputed', l.recomputed)
  from ledger l where l.hash <> l.recomputed
  union all
  select l.wallet_id, l.id, 'chain_broken', jsonb_build_object('prev_hash', l.prev_hash, 'previous', l.previous)
  from ledger l where l.prev_hash <> l.previous
  union all
  select l.wallet_id, l.id, 'balance_after_wrong', jsonb_build_object('balance_after', l.balance_after, 'recomputed', l.running)
  from ledger l where l.balance_after <> l.running
  union all
  select c.wallet_id, c.transaction_id, 'checkpoint_differs',
    jsonb_build_object('day', c.day, 'ledger_head', c.ledger_head, 'balance', c.balance)
  from private.ledger_checkpoints c
  where (p_wallet_id is null or c.wallet_id = p_wallet_id) and not exists (
    select from ledger l
    where l.id = c.transaction_id and l.wallet_id = c.wallet_id and l.hash = c.ledger_head and l.balance_after = c.balance)
  union all
  select w.id, null, 'last_row_missing', jsonb_build_object('ledger_head', w.ledger_head, 'last_hash', w.head)
  from wallet w where w.ledger_head <> w.head
  union all
  select w.id, null, 'balance_wrong', jsonb_build_object('balance', w.balance, 'ledger', w.posted)
  from wallet w where w.balance <> w.posted
  union all
  select w.id, null, 'held_wrong', jsonb_build_object('held', w.held, 'holds', w.on_hold)
  from wallet w where w.held <> w.on_hold
  union all
  select w.id, null, 'lots_wrong', jsonb_build_object('remaining', w.in_lots, 'expected', greatest(0, w.balance - w.held))
  from wallet w where w.in_lots <> greatest(0, w.balance - w.held)
  union all
  select r.wallet_id, null, x.problem, jsonb_build_object('reservation_id', r.id, 'amount', r.amount)
  from public.credit_reservations r cross join lateral private.reservation_problems(r) x
  where p_wallet_id is null or r.wallet_id = p_wallet_id
  union all
  select p.wallet_id, null, p.problem, p.detail
  from private.payment_problems(p_wallet_id) p
  union all
  select p.wallet_id, null, p.problem, p.detail
  from private.gift_problems(p_wallet_id) p;
$$;

revoke all on function public.verify_ledger(uuid) from public, anon, authenticated, service_role;
grant execute on function public.verify_ledger(uuid) to service_role;
