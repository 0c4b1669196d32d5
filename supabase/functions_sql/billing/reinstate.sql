-- reinstate(w, p_payment_id, p_amount, p_reason) -> credit_transactions      called by: book_payment
-- Gives back what a clawback took, to the credit: a debt is paid first, the rest is a lot of the payment, with the expiry of its first
-- lot. A lot of its own, because those it was taken from may have expired while the bank made up its mind. w is locked and current.
create or replace function private.reinstate(w public.wallets, p_payment_id uuid, p_amount bigint, p_reason text)
returns public.credit_transactions
language plpgsql
set search_path = ''
as $$
declare
  g public.credit_grants;
begin
  select * into strict g from public.credit_grants x where x.payment_id = p_payment_id order by x.created_at, x.id limit 1;
  insert into public.credit_grants (wallet_id, source, amount, remaining, expires_at, payment_id, created_at)
  values (w.id, g.source, p_amount, p_amount - least(w.debt, p_amount), g.expires_at, p_payment_id, private.clock())
  returning * into g;
  return private.post(w, 'reinstatement', p_amount, 'reversals',
    jsonb_build_array(jsonb_build_object('grant_id', g.id, 'amount', p_amount)), 'system:stripe',
    p_reason => p_reason, p_tidy_after => g.expires_at);
end
$$;

revoke all on function private.reinstate(public.wallets, uuid, bigint, text) from public, anon, authenticated, service_role;
