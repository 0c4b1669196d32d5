-- book_payment(p, p_event_id) -> payments      called by: move_payment
-- Moves the wallet to what the locked payment now says. Paid: its credits are granted once, less the round-up share of what is reversed
-- and not reinstated. Not paid (any more): whatever it gave is taken back. Differences to what was booked before become ledger rows.
create or replace function private.book_payment(p public.payments, p_event_id text)
returns public.payments
language plpgsql
set search_path = ''
as $$
declare
  v_given bigint := case when p.status = 'paid' then p.credits else p.granted_credits end;
  v_clawed bigint := case
    when p.status = 'paid' then private.reversed_credits(p.credits, p.charged_cents, p.refunded_cents + p.disputed_cents)
    else p.granted_credits
  end;
  v_reason text := 'payment:' || p.id;
  v_expires_at timestamptz;
  w public.wallets;
  t public.credit_transactions;
begin
  perform private.note_payment(p, p_event_id);
  if v_given = p.granted_credits and v_clawed = p.clawed_credits then
    return p;
  end if;
  w := private.lock_wallet(p.wallet_id);
  if v_given > p.granted_credits then
    v_expires_at := private.period_expiry(p);
    w := private.roll_over(w, p, v_expires_at);
    t := private.post_grant(w, v_given - p.promo_credits, case p.kind when 'subscription' then 'subscription' else 'purchase' end, v_expires_at, 'system:stripe',
      v_reason, v_reason, v_reason, private.request_digest('payment', to_jsonb(p.id)), p_payment_id => p.id);
    perform private.note_payment(p, p_event_id, t.id, 'granted');
    select * into strict w from public.wallets x where x.id = w.id;
    if p.promo_credits > 0 then
      t := private.grant_promo_bonus(w, p);
      perform private.note_payment(p, p_event_id, t.id, 'promo bonus');
      select * into strict w from public.wallets x where x.id = w.id;
    end if;
  end if;
  if v_clawed > p.clawed_credits then
    perform private.stop_auto_topup(p.wallet_id, 'payment_reversed', p.id); -- or what is clawed back would be bought again
    t := private.claw_back(w, p.id, v_clawed - p.clawed_credits, v_reason);
    perform private.note_payment(p, p_event_id, t.id, 'clawed back');
  elsif v_clawed < p.clawed_credits then
    t := private.reinstate(w, p.id, p.clawed_credits - v_clawed, v_reason);
    perform private.note_payment(p, p_event_id, t.id, 'reinstated');
  end if;
  update public.payments x
  set granted_credits = v_given, clawed_credits = v_clawed, paid_at = coalesce(x.paid_at, private.clock())
  where x.id = p.id
  returning * into p;
  return p;
end
$$;

revoke all on function private.book_payment(public.payments, text) from public, anon, authenticated, service_role;
