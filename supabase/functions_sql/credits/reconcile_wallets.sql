-- reconcile_wallets(p_after, p_limit) -> jsonb      called by: backend/rpc/reconcile.py as service_role, from the scheduler
-- Looks at the p_limit ledger rows that follow p_after (null: those not looked at yet) and verifies their wallets, and those that have an
-- open problem: {rows, wallets, found, next}. found: new problems, kept in private.ledger_problems; next is null at the end.
-- Guarantees: it costs in proportion to what moved since (see recent_wallet_problems), except that a wallet's first look reads all of it.
-- A wallet with a problem is looked at from its last sound row until the problem has gone. Safe to run twice or beside itself.
-- Refuses: invalid_params 422
create or replace function public.reconcile_wallets(p_after bigint default null, p_limit integer default 500)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_from bigint := coalesce(p_after, (select r.ledger_id from private.reconciliation r));
  v_wallets uuid[];
  v_found jsonb;
  v_rows bigint;
  v_last bigint;
  v_settled bigint;
begin
  perform private.check_sweep_limit(p_limit);
  -- A row of a transaction that is still open may turn up behind rows that are visible. Nothing takes two minutes: rows younger than
  -- that are looked at now, and again with the next look.
  with page as materialized (
    select t.id, t.wallet_id, t.created_at from public.credit_transactions t where t.id > v_from order by t.id limit p_limit
  ), young as (
    select min(p.id) as id from page p where p.created_at > v_now - interval '2 minutes'
  )
  select count(*), max(p.id), max(p.id) filter (where p.id < y.id or y.id is null), array_agg(distinct p.wallet_id)
  into v_rows, v_last, v_settled, v_wallets
  from page p cross join young y;
  if p_after is null then
    v_wallets := coalesce(v_wallets, '{}') || array(
      select distinct p.wallet_id from private.ledger_problems p
      where p.resolved_at is null and p.source = 'wallets' limit p_limit);
  end if;
  with found as materialized (
    select f.* from private.recent_wallet_problems(v_wallets) f
  ), sound as ( -- in one statement, so that what is noted as sound is what was looked at
    insert into private.reconciled_wallets as k (wallet_id, ledger_id, ledger_head, balance, reconciled_at)
    select w.id, t.id, t.hash, w.balance, v_now
    from public.wallets w cross join lateral (
      select x.id, x.hash from public.credit_transactions x where x.wallet_id = w.id order by x.id desc limit 1) t
    where w.id = any(v_wallets) and not exists (select from found f where f.wallet_id = w.id)
    order by w.id
    on conflict (wallet_id) do update set ledger_id = excluded.ledger_id, ledger_head = excluded.ledger_head,
      balance = excluded.balance, reconciled_at = excluded.reconciled_at
    where excluded.ledger_id > k.ledger_id
  )
  select coalesce(jsonb_agg(to_jsonb(f)), '[]') into v_found from found f;
  update private.reconciliation r set ledger_id = v_settled where r.ledger_id >= v_from and r.ledger_id < v_settled;
  return jsonb_build_object(
    'rows', v_rows,
    'wallets', cardinality(coalesce(v_wallets, '{}')),
    'found', private.note_ledger_problems('wallets', v_found, coalesce(v_wallets, '{}')),
    'next', case when v_rows = p_limit then v_last end);
end
$$;

revoke all on function public.reconcile_wallets(bigint, integer) from public, anon, authenticated, service_role;
grant execute on function public.reconcile_wallets(bigint, integer) to service_role;
