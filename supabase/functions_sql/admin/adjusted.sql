-- adjusted(a) -> jsonb      called by: acts that adjust, for the audit log
-- What the wallet has now, and which adjustment it was: {balance, available, adjustment_id, status, transaction_id}.
create or replace function private.adjusted(a private.credit_adjustments)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object('balance', w.balance, 'available', w.balance - w.held,
      'adjustment_id', a.id, 'status', a.status, 'transaction_id', a.transaction_id)
    from public.wallets w where w.id = a.wallet_id);
end
$$;

revoke all on function private.adjusted(private.credit_adjustments) from public, anon, authenticated, service_role;
