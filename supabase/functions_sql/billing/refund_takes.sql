-- refund_takes(p, p_before_cents, p_after_cents) -> jsonb      called by: act_start_refund in a dry run, which takes it back
-- Books the locked payment as if Stripe had given back so much in all, and tells what the step from before to after took: {credits,
-- lots: [{grant_id, amount, expires_at}], balance, available}. before: with the refunds that are on their way.
create or replace function private.refund_takes(p public.payments, p_before_cents bigint, p_after_cents bigint)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_cents bigint;
  v_clawed bigint;
  v_figures jsonb;
  t public.credit_transactions;
begin
  foreach v_cents in array array[p_before_cents, p_after_cents] loop
    v_clawed := p.clawed_credits;
    if p.status = 'paid' then -- one that is flagged gave no credits
      update public.payments x set refunded_cents = v_cents where x.id = p.id returning * into p;
      p := private.book_payment(p, null);
    end if;
  end loop;
  if p.clawed_credits > v_clawed then
    select * into strict t from public.credit_transactions x where x.wallet_id = p.wallet_id order by x.id desc limit 1;
  end if;
  select private.credit_figures(w) into strict v_figures from public.wallets w where w.id = p.wallet_id;
  return jsonb_build_object(
    'credits', p.clawed_credits - v_clawed, 'balance', v_figures -> 'balance', 'available', v_figures -> 'available',
    'lots', (
      select coalesce(jsonb_agg(jsonb_build_object('grant_id', l.lot -> 'grant_id', 'amount', l.lot -> 'amount',
        'expires_at', private.rfc3339(g.expires_at)) order by l.n), '[]')
      from jsonb_array_elements(t.lots) with ordinality l (lot, n)
      left join public.credit_grants g on g.id = (l.lot ->> 'grant_id')::uuid));
end
$$;

revoke all on function private.refund_takes(public.payments, bigint, bigint) from public, anon, authenticated, service_role;
