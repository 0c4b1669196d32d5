-- recent_wallet_problems(p_wallet_ids) -> rows of problems      called by: reconcile_wallets
-- What verify_ledger checks, but of each wallet only the ledger rows that came after those already found sound, with their reservations,
-- and its figures and open holds: it costs in proportion to what moved. A row that was changed after it had been looked at is for
-- verify_ledger and checkpoints to find.
create or replace function private.recent_wallet_problems(p_wallet_ids uuid[])
returns table (wallet_id uuid, transaction_id bigint, problem text, detail jsonb)
language sql
stable
set search_path = ''
as $$
  with wallet as materialized (
    select w.*, coalesce(k.ledger_id, 0) as from_id, coalesce(k.ledger_head, ''::bytea) as from_head, coalesce(k.balance, 0) as from_balance
    from public.wallets w left join private.reconciled_wallets k on k.wallet_id = w.id
    where w.id = any(p_wallet_ids)
  ), ledger as materialized (
    select w.id as wallet_id, (x.t).id, x.t, private.ledger_hash(x.t) as recomputed,
      lag((x.t).hash, 1, w.from_head) over chain as previous, w.from_balance + sum((x.t).amount) over chain as running
    from wallet w cross join lateral (
      select t from public.credit_transactions t where t.wallet_id = w.id and t.id > w.from_id order by t.id) x
    window chain as (partition by w.id order by (x.t).id)
  ), figures as (
    select w.*,
      coalesce((select l.running from ledger l where l.wallet_id = w.id order by l.id desc limit 1), w.from_balance) as posted,
      coalesce((select (l.t).hash from ledger l where l.wallet_id = w.id order by l.id desc limit 1), w.from_head) as head,
      (select coalesce(sum(g.remaining), 0) from public.credit_grants g where g.wallet_id = w.id and g.open) as in_lots,
      (select coalesce(sum(r.amount), 0) from public.credit_reservations r where r.wallet_id = w.id and r.status = 'held') as on_hold
    from wallet w
  )
  select l.wallet_id, l.id, 'row_changed', jsonb_build_object('hash', (l.t).hash, 'recomputed', l.recomputed)
  from ledger l where (l.t).hash <> l.recomputed
  union all
  select l.wallet_id, l.id, 'chain_broken', jsonb_build_object('prev_hash', (l.t).prev_hash, 'previous', l.previous)
  from ledger l where (l.t).prev_hash <> l.previous
  union all
  select l.wallet_id, l.id, 'balance_after_wrong', jsonb_build_object('balance_after', (l.t).balance_after, 'recomputed', l.running)
  from ledger l where (l.t).balance_after <> l.running
  union all
  select f.id, null, 'last_row_missing', jsonb_build_object('ledger_head', f.ledger_head, 'last_hash', f.head)
  from figures f where f.ledger_head <> f.head
  union all
  select f.id, null, 'balance_wrong', jsonb_build_object('balance', f.balance, 'ledger', f.posted)
  from figures f where f.balance <> f.posted
  union all
  select f.id, null, 'held_wrong', jsonb_build_object('held', f.held, 'holds', f.on_hold)
  from figures f where f.held <> f.on_hold
  union all
  select f.id, null, 'lots_wrong', jsonb_build_object('remaining', f.in_lots, 'expected', greatest(0, f.balance - f.held))
  from figures f where f.in_lots <> greatest(0, f.balance - f.held)
  union all
  select (r.r).wallet_id, null, x.problem, jsonb_build_object('reservation_id', (r.r).id, 'amount', (r.r).amount)
  from (
    select r from ledger l join public.credit_reservations r on r.id = (l.t).reservation_id
    union
    select r from wallet w join public.credit_reservations r on r.wallet_id = w.id and r.status = 'held'
  ) r cross join lateral private.reservation_problems(r.r) x;
$$;

revoke all on function private.recent_wallet_problems(uuid[]) from public, anon, authenticated, service_role;
