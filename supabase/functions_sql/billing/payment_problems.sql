-- payment_problems(p_wallet_id) -> rows of problems      called by: verify_ledger
-- What a payment gave, less what was taken back for it, is what the ledger rows in its history come to.
create or replace function private.payment_problems(p_wallet_id uuid)
returns table (wallet_id uuid, problem text, detail jsonb)
language sql
stable
set search_path = ''
as $$
  select p.wallet_id, 'payment_differs_from_ledger', jsonb_build_object(
    'payment_id', p.id, 'granted', p.granted_credits, 'clawed', p.clawed_credits, 'ledger', x.credits)
  from public.payments p cross join lateral (
    select coalesce(sum(t.amount), 0) as credits
    from private.payment_history h join public.credit_transactions t on t.id = h.transaction_id
    where h.payment_id = p.id) x
  where (p_wallet_id is null or p.wallet_id = p_wallet_id) and x.credits <> p.granted_credits - p.clawed_credits;
$$;

revoke all on function private.payment_problems(uuid) from public, anon, authenticated, service_role;
