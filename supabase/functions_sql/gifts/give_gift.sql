-- give_gift(g, w) -> void      called by: gift_credits, deliver_gifts
-- A gift that waits arrives in the recipient's wallet: a lot for each expiry, which pays a debt first, one ledger row, a notice.
-- g and w are locked, w is current.
create or replace function private.give_gift(g private.gifts, w public.wallets)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_debt bigint := w.debt;
  v_lots jsonb := '[]';
  v_grant_id uuid;
  v_lot record;
  t public.credit_transactions;
begin
  for v_lot in
    select (e ->> 'expires_at')::timestamptz as expires_at, sum((e ->> 'amount')::bigint)::bigint as amount
    from jsonb_array_elements(g.lots) e group by 1 order by 1 nulls last
  loop
    insert into public.credit_grants (wallet_id, source, amount, remaining, expires_at, reference, created_at)
    values (w.id, 'gift', v_lot.amount, v_lot.amount - least(v_debt, v_lot.amount), v_lot.expires_at, 'gift:' || g.id, private.clock())
    returning id into v_grant_id;
    v_debt := v_debt - least(v_debt, v_lot.amount);
    v_lots := v_lots || jsonb_build_object('grant_id', v_grant_id, 'amount', v_lot.amount);
  end loop;
  t := private.post(w, 'gift_in', g.credits, 'gifts', v_lots, 'system:gifts', p_reason => 'gift:' || g.id,
    p_tidy_after => (select min((e ->> 'expires_at')::timestamptz) from jsonb_array_elements(g.lots) e));
  update private.gifts x
  set state = 'given', recipient_email = null, recipient_wallet_id = w.id, in_transaction_id = t.id, ended_at = t.created_at
  where x.id = g.id;
  perform private.notify(w.user_id, 'gift_received', jsonb_build_object('gift_id', g.id, 'credits', g.credits, 'message', g.message,
    'from', (select p.display_name from public.profiles p join public.wallets s on s.user_id = p.user_id where s.id = g.wallet_id)),
    'gift:' || g.id);
end
$$;

revoke all on function private.give_gift(private.gifts, public.wallets) from public, anon, authenticated, service_role;
