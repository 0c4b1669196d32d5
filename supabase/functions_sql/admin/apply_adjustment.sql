-- apply_adjustment(a, w, p_decided_by, p_reason) -> credit_adjustments      called by: act_adjust_credits, act_decide_adjustment
-- Moves the credits of a pending adjustment: added ones become a lot of source 'admin', others leave lots in burn order. w is locked and current.
-- The ledger names who asked for it; the reason stays with the adjustment, as the user reads the ledger.
-- Refuses: insufficient_credits 402
create or replace function private.apply_adjustment(a private.credit_adjustments, w public.wallets, p_decided_by uuid, p_reason text)
returns private.credit_adjustments
language plpgsql
set search_path = ''
as $$
declare
  v_name text := 'adjustment:' || a.id;
  t public.credit_transactions;
begin
  if a.amount > 0 then
    t := private.post_grant(w, a.amount, 'admin', a.expires_at, 'user:' || a.requested_by, v_name, v_name, v_name, a.request_digest);
  else
    perform private.check_available(w, -a.amount);
    t := private.post(w, 'adjustment', a.amount, 'adjustments', private.take_lots(w.id, -a.amount), 'user:' || a.requested_by,
      p_reason => v_name, p_key => v_name, p_digest => a.request_digest);
  end if;
  update private.credit_adjustments x
  set status = 'applied', transaction_id = t.id, decided_by = p_decided_by, decision_reason = p_reason, decided_at = private.clock()
  where x.id = a.id
  returning * into a;
  return a;
end
$$;

revoke all on function private.apply_adjustment(private.credit_adjustments, public.wallets, uuid, text)
  from public, anon, authenticated, service_role;
