-- checkpoints_between(p_wallet_id, p_after, p_upto) -> jsonb      called by: export_credit_transactions
-- A wallet's checkpoints of ledger rows after p_after, up to p_upto (null: all), by row; bytes as hex.
create or replace function private.checkpoints_between(p_wallet_id uuid, p_after bigint, p_upto bigint)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'wallet_id', c.wallet_id, 'day', c.day, 'transaction_id', c.transaction_id, 'ledger_head', encode(c.ledger_head, 'hex'),
    'balance', c.balance, 'key_id', c.key_id, 'public_key', encode(k.public_key, 'hex'), 'signature', encode(c.signature, 'hex'))
    order by c.transaction_id, c.day), '[]')
  from private.ledger_checkpoints c join public.ledger_keys k on k.key_id = c.key_id
  where c.wallet_id = p_wallet_id and c.transaction_id > p_after and (p_upto is null or c.transaction_id <= p_upto);
$$;

revoke all on function private.checkpoints_between(uuid, bigint, bigint) from public, anon, authenticated, service_role;
