-- move_wallet(p_wallet_id, p_balance, p_held, p_tidy_after, p_ledger_head) -> wallets      called by: hold_credits, close_hold, settle_reservation, post
-- The only statement that changes a wallet's figures. p_balance and p_held are differences; the caller holds the lock.
-- When the posted balance falls below the threshold, the owner is told, once per descent; a hold that may be given back is no descent.
-- What falls below the threshold of an automatic top-up makes that one due.
create or replace function private.move_wallet(
  p_wallet_id uuid, p_balance bigint, p_held bigint, p_tidy_after timestamptz default null, p_ledger_head bytea default null)
returns public.wallets
language plpgsql
set search_path = ''
as $$
declare
  v_wallet public.wallets;
begin
  update public.wallets w
  set balance = w.balance + p_balance,
      held = w.held + p_held,
      debt = greatest(0, w.held + p_held - w.balance - p_balance),
      tidy_after = least(w.tidy_after, p_tidy_after),
      ledger_head = coalesce(p_ledger_head, w.ledger_head)
  where w.id = p_wallet_id
  returning w.* into v_wallet;
  if p_balance < 0 and v_wallet.balance < v_wallet.low_balance_threshold and v_wallet.user_id is not null
    and v_wallet.balance - p_balance >= v_wallet.low_balance_threshold then
    perform private.notify(v_wallet.user_id, 'low_balance',
      jsonb_build_object('balance', v_wallet.balance, 'threshold', v_wallet.low_balance_threshold),
      'low_balance:' || encode(v_wallet.ledger_head, 'hex'));
  end if;
  if p_balance < p_held and v_wallet.balance - v_wallet.held < v_wallet.auto_topup_below then
    update public.auto_topups a set due_at = private.clock() where a.wallet_id = p_wallet_id and a.due_at is null;
  end if;
  return v_wallet;
end
$$;

revoke all on function private.move_wallet(uuid, bigint, bigint, timestamptz, bytea) from public, anon, authenticated, service_role;
