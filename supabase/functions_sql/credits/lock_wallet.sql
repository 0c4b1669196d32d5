-- lock_wallet(p_wallet_id) -> wallets      called by: what knows a wallet, before it looks at anything
-- Locks the wallet until the transaction ends and brings it up to date: expired holds and lots no longer count.
-- Lock order everywhere: generation, then wallet; several wallets by id. What belongs to a wallet is covered by its lock.
create or replace function private.lock_wallet(p_wallet_id uuid)
returns public.wallets
language plpgsql
set search_path = ''
as $$
declare
  w public.wallets;
begin
  select * into strict w from public.wallets x where x.id = p_wallet_id for no key update;
  if w.tidy_after <= private.clock() then
    w := private.tidy_wallet(w);
  end if;
  return w;
end
$$;

revoke all on function private.lock_wallet(uuid) from public, anon, authenticated, service_role;
