-- replayed_transaction(p_wallet_id, p_key, p_digest) -> credit_transactions      called by: grant_credits, refund_transaction
-- The ledger row this key has made before; all null when the key is new. The wallet is locked.
-- Refuses: idempotency_key_reused 409
create or replace function private.replayed_transaction(p_wallet_id uuid, p_key text, p_digest bytea)
returns public.credit_transactions
language plpgsql
set search_path = ''
as $$
declare
  t public.credit_transactions;
begin
  select * into t from public.credit_transactions x where x.wallet_id = p_wallet_id and x.idempotency_key = p_key;
  if t.request_digest <> p_digest then
    perform private.refuse_reused_key(p_key, jsonb_build_object('transaction_id', t.id));
  end if;
  return t;
end
$$;

revoke all on function private.replayed_transaction(uuid, text, bytea) from public, anon, authenticated, service_role;
