-- watch_threshold(p_wallet_id, p_below) -> void      called by: set_auto_topup, stop_auto_topup
-- From now on a wallet whose available credits fall below p_below makes its automatic top-up due; null: no more. The caller holds the lock.
create or replace function private.watch_threshold(p_wallet_id uuid, p_below bigint)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.wallets w set auto_topup_below = p_below where w.id = p_wallet_id;
end
$$;

revoke all on function private.watch_threshold(uuid, bigint) from public, anon, authenticated, service_role;
