-- open_wallet(p_user_id) -> wallets      called by: operations that name a user
-- The user's wallet, made when it is missing; locked and brought up to date as by lock_wallet, in one statement.
-- Refuses: user_not_found 404
create or replace function private.open_wallet(p_user_id uuid)
returns public.wallets
language plpgsql
set search_path = ''
as $$
declare
  w public.wallets;
begin
  select * into w from public.wallets x where x.user_id = p_user_id for no key update;
  if not found then
    return private.lock_wallet(private.ensure_account(p_user_id));
  end if;
  if w.tidy_after <= private.clock() then
    w := private.tidy_wallet(w);
  end if;
  return w;
end
$$;

revoke all on function private.open_wallet(uuid) from public, anon, authenticated, service_role;
