-- get_balance_at(p_at) -> jsonb      called by: backend/rpc/credits.py as the user
-- {balance, at}: the user's posted credits at that time, from the ledger. See balance_at.
-- Refuses: unauthenticated 401 · invalid_params 422
create or replace function private.get_balance_at(p_at timestamptz)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select private.balance_at(private.require_user(), p_at);
$$;

create or replace function public.get_balance_at(p_at timestamptz)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.get_balance_at(p_at);
$$;

revoke all on function private.get_balance_at(timestamptz), public.get_balance_at(timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function private.get_balance_at(timestamptz), public.get_balance_at(timestamptz) to authenticated;
