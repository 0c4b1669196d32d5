-- close_hold(w, r, p_status, p_reason) -> wallets      called by: release_reservation, settle of generations, tidy_wallet
-- Gives a hold back untouched: a debt is paid first, the rest returns to its lots. w is locked and current, r is held.
create or replace function private.close_hold(w public.wallets, r public.credit_reservations, p_status text, p_reason text)
returns public.wallets
language plpgsql
set search_path = ''
as $$
begin
  update public.credit_reservations x
  set status = p_status, reason = p_reason, settled_at = private.clock()
  where x.id = r.id;
  return private.move_wallet(w.id, 0, -r.amount, private.restore_lots(private.slice_lots(r.lots, w.debt)));
end
$$;

revoke all on function private.close_hold(public.wallets, public.credit_reservations, text, text) from public, anon, authenticated, service_role;
