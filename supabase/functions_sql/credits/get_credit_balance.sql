-- get_credit_balance() -> jsonb      called by: backend/rpc/credits.py as the user
-- {balance, held, available, low_balance, expiring: [{credits, expires_at}]}.
-- Guarantees: available = balance - held in every answer, expired holds and lots never count, a missing wallet is made.
-- Refuses: unauthenticated 401 · user_not_found 404
create or replace function private.get_credit_balance()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_wallet_id uuid := private.ensure_account(private.require_user());
begin
  return (select private.credit_figures(w) from public.wallets w where w.id = v_wallet_id);
end
$$;

create or replace function public.get_credit_balance()
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.get_credit_balance();
end
$$;

revoke all on function private.get_credit_balance(), public.get_credit_balance() from public, anon, authenticated, service_role;
grant execute on function private.get_credit_balance(), public.get_credit_balance() to authenticated;
