-- balance_at(p_user_id, p_at) -> jsonb      called by: get_balance_at, admin_get_balance_at
-- {balance, at}: what the ledger said then; what had expired by then and was booked later still counts. A time to come means now.
-- Refuses: invalid_params 422
create or replace function private.balance_at(p_user_id uuid, p_at timestamptz)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_at timestamptz := least(p_at, private.clock());
begin
  if p_at is null or not isfinite(p_at) then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "at"}',
      hint = 'Say at which time, such as 2026-11-21T12:00:00Z.';
  end if;
  return jsonb_build_object('at', private.rfc3339(v_at), 'balance', coalesce((
    select t.balance_after from public.credit_transactions t
    where t.wallet_id = (select w.id from public.wallets w where w.user_id = p_user_id) and t.created_at <= v_at
    order by t.id desc limit 1), 0));
end
$$;

revoke all on function private.balance_at(uuid, timestamptz) from public, anon, authenticated, service_role;
