-- adjustment_json(a) -> jsonb      called by: operations that answer an adjustment
-- {id, status, user_id, amount, added, balance, lots: [{grant_id, amount, expires_at}], expires_at, reason, requested_by, decided_by,
-- decision_reason, created_at, decided_at}. added: what moved, 0 unless applied. balance: the total right after it, or now while nothing moved.
create or replace function private.adjustment_json(a private.credit_adjustments)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  t public.credit_transactions;
  w public.wallets;
begin
  select * into t from public.credit_transactions x where x.id = a.transaction_id;
  select * into strict w from public.wallets x where x.id = a.wallet_id;
  return jsonb_build_object(
    'id', a.id, 'status', a.status, 'user_id', w.user_id, 'amount', a.amount, 'added', coalesce(t.amount, 0),
    'balance', coalesce(to_jsonb(t.balance_after), private.credit_figures(w) -> 'balance'),
    'lots', (
      select coalesce(jsonb_agg(jsonb_build_object('grant_id', l.lot -> 'grant_id', 'amount', l.lot -> 'amount',
        'expires_at', private.rfc3339(g.expires_at)) order by l.n), '[]')
      from jsonb_array_elements(t.lots) with ordinality l (lot, n)
      left join public.credit_grants g on g.id = (l.lot ->> 'grant_id')::uuid),
    'expires_at', private.rfc3339(a.expires_at), 'reason', a.reason, 'requested_by', a.requested_by, 'decided_by', a.decided_by,
    'decision_reason', a.decision_reason, 'created_at', private.rfc3339(a.created_at), 'decided_at', private.rfc3339(a.decided_at));
end
$$;

revoke all on function private.adjustment_json(private.credit_adjustments) from public, anon, authenticated, service_role;
