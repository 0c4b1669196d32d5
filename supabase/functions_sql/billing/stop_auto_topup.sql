-- stop_auto_topup(p_wallet_id, p_reason, p_payment_id) -> void      called by: settle_auto_topup, book_payment
-- Buys nothing by itself any more until its owner sets it again, and tells the owner. The caller holds the wallet's lock.
create or replace function private.stop_auto_topup(p_wallet_id uuid, p_reason text, p_payment_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  a public.auto_topups;
begin
  update public.auto_topups x set enabled = false, stopped_reason = p_reason, updated_at = private.clock()
  where x.wallet_id = p_wallet_id and x.enabled
  returning * into a;
  if found then
    perform private.watch_threshold(p_wallet_id, null);
    perform private.notify(a.user_id, 'auto_topup_stopped', jsonb_build_object('payment_id', p_payment_id, 'reason', p_reason),
      'auto_topup_stopped:' || p_payment_id || ':' || p_reason);
  end if;
end
$$;

revoke all on function private.stop_auto_topup(uuid, text, uuid) from public, anon, authenticated, service_role;
