-- open_wallet(p_user_id) -> wallets      called by: operations that name a user
-- The user's wallet, made when it is missing, locked and up to date.
-- Refuses: user_not_found 404
create or replace function private.open_wallet(p_user_id uuid)
returns public.wallets
language plpgsql
set search_path = ''
as $$
begin
  return private.lock_wallet(private.ensure_account(p_user_id));
end
$$;

revoke all on function private.open_wallet(uuid) from public, anon, authenticated, service_role;
