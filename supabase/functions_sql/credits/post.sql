-- post(w, p_kind, p_amount, ...) -> credit_transactions      called by: post_grant, settle_reservation, refund_transaction, tidy_wallet,
--   claw_back, reinstate
-- Writes one ledger row, links it into the wallet's chain and moves the wallet, all or nothing. Nothing else writes the ledger.
-- w must be locked and current. p_held: change of held credits that goes with it. p_lots: the lots touched, [{grant_id, amount}].
create or replace function private.post(
  w public.wallets, p_kind text, p_amount bigint, p_contra text, p_lots jsonb, p_actor text,
  p_held bigint default 0, p_absorbed bigint default 0, p_reason text default null, p_reservation_id uuid default null,
  p_reverses_id bigint default null, p_tidy_after timestamptz default null, p_key text default null, p_digest bytea default null)
returns public.credit_transactions
language plpgsql
set search_path = ''
as $$
declare
  t public.credit_transactions;
begin
  t.wallet_id := w.id;
  t.kind := p_kind;
  t.amount := p_amount;
  t.balance_after := w.balance + p_amount;
  t.absorbed := p_absorbed;
  t.contra := p_contra;
  t.reservation_id := p_reservation_id;
  t.reverses_id := p_reverses_id;
  t.lots := p_lots;
  t.actor := p_actor;
  t.prev_hash := w.ledger_head;
  t.created_at := private.clock();
  insert into public.credit_transactions (
    wallet_id, kind, amount, balance_after, absorbed, contra, reservation_id, reverses_id, lots, actor, reason,
    idempotency_key, request_digest, prev_hash, hash, created_at)
  values (
    t.wallet_id, t.kind, t.amount, t.balance_after, t.absorbed, t.contra, t.reservation_id, t.reverses_id, t.lots, t.actor, p_reason,
    p_key, p_digest, t.prev_hash, private.ledger_hash(t), t.created_at)
  returning * into t;
  w := private.move_wallet(w.id, p_amount, p_held, p_tidy_after, t.hash);
  return t;
end
$$;

revoke all on function private.post(public.wallets, text, bigint, text, jsonb, text, bigint, bigint, text, uuid, bigint, timestamptz, text, bytea)
  from public, anon, authenticated, service_role;
