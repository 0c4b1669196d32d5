-- list_ledger_keys() -> jsonb      called by: backend/rpc/receipts.py as anon
-- The public keys that have signed checkpoints, newest first: [{key_id, public_key, created_at}].
create or replace function public.list_ledger_keys()
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'key_id', k.key_id, 'public_key', encode(k.public_key, 'hex'),
    'created_at', to_char(k.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) -- anon may not run rfc3339
    order by k.created_at desc, k.key_id), '[]')
  from public.ledger_keys k;
$$;

revoke all on function public.list_ledger_keys() from public, anon, authenticated, service_role;
grant execute on function public.list_ledger_keys() to anon, authenticated, service_role;
