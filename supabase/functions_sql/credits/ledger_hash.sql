-- ledger_hash(t) -> bytea      called by: post, verify_ledger
-- sha256(prev_hash || canonical row). The canonical row is a JSON array as PostgreSQL writes jsonb: the facts of money, no personal data.
-- `reason` and `idempotency_key` are free text, which could hold personal data, and stay outside.
create or replace function private.ledger_hash(t public.credit_transactions)
returns bytea
language plpgsql
stable
set search_path = ''
as $$
begin
  return sha256(t.prev_hash || convert_to(jsonb_build_array(
    t.wallet_id, t.kind, t.amount, t.balance_after, t.absorbed, t.contra, t.reservation_id, t.reverses_id, t.lots,
    t.actor, to_char(t.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text, 'UTF8'));
end
$$;

revoke all on function private.ledger_hash(public.credit_transactions) from public, anon, authenticated, service_role;
