-- set_low_balance_threshold(p_credits) -> jsonb      called by: backend/rpc/account.py as the user
-- From now on a balance below p_credits is low, and the descent below it is told; 0: only a debt is. Answers what get_me answers.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422 · user_not_found 404
create or replace function private.set_low_balance_threshold(p_credits bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_wallet_id uuid;
begin
  if p_credits is null or p_credits not between 0 and 1000000000 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "low_balance_threshold"}',
      hint = 'low_balance_threshold is a whole number of credits from 0 to 1,000,000,000.';
  end if;
  v_wallet_id := private.ensure_account(v_user_id);
  update public.wallets w set low_balance_threshold = p_credits where w.id = v_wallet_id and w.low_balance_threshold <> p_credits;
  return private.get_me();
end
$$;

create or replace function public.set_low_balance_threshold(p_credits bigint)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.set_low_balance_threshold(p_credits);
end
$$;

revoke all on function private.set_low_balance_threshold(bigint), public.set_low_balance_threshold(bigint)
  from public, anon, authenticated, service_role;
grant execute on function private.set_low_balance_threshold(bigint), public.set_low_balance_threshold(bigint) to authenticated;
