-- store_checkpoints(p_public_key, p_day, p_checkpoints) -> jsonb      called by: backend/rpc/receipts.py as service_role, from the scheduler
-- Keeps what was signed: [{wallet_id, transaction_id, ledger_head, balance, signature}], bytes as hex. {stored}.
-- Guarantees: one checkpoint per wallet and day, the first; it never changes. Only what the ledger holds is kept.
-- Refuses: invalid_params 422
create or replace function public.store_checkpoints(p_public_key text, p_day date, p_checkpoints jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_today date := (private.clock() at time zone 'utc')::date;
  v_key_id text;
  v_stored bigint;
begin
  if p_public_key !~ '^[0-9a-f]{64}$' or p_day not between v_today - 1 and v_today or jsonb_typeof(p_checkpoints) <> 'array'
    or exists (select from jsonb_array_elements(p_checkpoints) e
               where (e ->> 'signature') !~ '^[0-9a-f]{128}$' is not false or (e ->> 'ledger_head') !~ '^[0-9a-f]{64}$' is not false)
    or p_public_key is null or p_day is null or p_checkpoints is null then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "checkpoints"}',
      hint = 'Send the public key (64 hex digits), today''s date and signed heads.';
  end if;
  v_key_id := left(encode(sha256(decode(p_public_key, 'hex')), 'hex'), 16);
  insert into public.ledger_keys (key_id, public_key, created_at)
  values (v_key_id, decode(p_public_key, 'hex'), private.clock())
  on conflict do nothing;
  insert into private.ledger_checkpoints (wallet_id, day, transaction_id, ledger_head, balance, key_id, signature, created_at)
  select t.wallet_id, p_day, t.id, t.hash, t.balance_after, v_key_id, decode(e ->> 'signature', 'hex'), private.clock()
  from jsonb_array_elements(p_checkpoints) e
  join public.credit_transactions t on t.id = (e ->> 'transaction_id')::bigint and t.wallet_id = (e ->> 'wallet_id')::uuid
    and t.hash = decode(e ->> 'ledger_head', 'hex') and t.balance_after = (e ->> 'balance')::bigint
  on conflict do nothing;
  get diagnostics v_stored = row_count;
  return jsonb_build_object('stored', v_stored);
end
$$;

revoke all on function public.store_checkpoints(text, date, jsonb) from public, anon, authenticated, service_role;
grant execute on function public.store_checkpoints(text, date, jsonb) to service_role;
