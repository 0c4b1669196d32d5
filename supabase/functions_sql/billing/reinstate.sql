-- reinstate(w, p_payment_id, p_amount, p_reason) -> credit_transactions      called by: book_payment
-- Gives back what a clawback took, to the credit: a debt is paid first, the rest are lots of the payment, with kind and expiry of its first
-- ones: what a promo code added is the first that goes and the last that comes back, and never becomes bought credits. Lots of their own,
-- because those it was taken from may have expired while the bank made up its mind. w is locked and current.
create or replace function private.reinstate(w public.wallets, p_payment_id uuid, p_amount bigint, p_reason text)
returns public.credit_transactions
language plpgsql
set search_path = ''
as $$
declare
  v_bonus bigint := (
    select least(x.clawed_credits, x.promo_credits) - least(x.clawed_credits - p_amount, x.promo_credits)
    from public.payments x where x.id = p_payment_id);
  v_debt bigint := w.debt;
  v_lots jsonb := '[]';
  v_tidy_after timestamptz;
  v_back record;
  g public.credit_grants;
begin
  for v_back in
    select distinct on (x.source = 'promotion') x.source, x.expires_at,
      case when x.source = 'promotion' then v_bonus else p_amount - v_bonus end as amount
    from public.credit_grants x where x.payment_id = p_payment_id order by x.source = 'promotion', x.created_at, x.id
  loop
    continue when v_back.amount = 0;
    insert into public.credit_grants (wallet_id, source, amount, remaining, expires_at, payment_id, created_at)
    values (w.id, v_back.source, v_back.amount, v_back.amount - least(v_debt, v_back.amount), v_back.expires_at, p_payment_id, private.clock())
    returning * into g;
    v_debt := v_debt - least(v_debt, v_back.amount);
    v_lots := v_lots || jsonb_build_object('grant_id', g.id, 'amount', g.amount);
    v_tidy_after := least(v_tidy_after, g.expires_at);
  end loop;
  return private.post(w, 'reinstatement', p_amount, 'reversals', v_lots, 'system:stripe', p_reason => p_reason, p_tidy_after => v_tidy_after);
end
$$;

revoke all on function private.reinstate(public.wallets, uuid, bigint, text) from public, anon, authenticated, service_role;
