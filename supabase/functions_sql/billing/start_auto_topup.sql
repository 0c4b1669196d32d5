-- start_auto_topup(p_user_id) -> jsonb      called by: backend/rpc/topups.py as service_role
-- The payment to be made without its owner, {id, user_id, amount_cents, currency, payment_method_id, stale}; one that was interrupted before
-- its outcome was booked is answered again, for a day (then stale: Stripe forgets idempotency keys). Null when nothing is to be bought (any
-- more): off, for the user or by the flag `payments`, enough credits, an attempt is under way, too early.
-- Guarantees: all of it is decided under the wallet's lock. At most one attempt is open. In a calendar month (UTC) no more is tried than the
--   cap; whom the cap stops is told once a month. The next attempt is 10 minutes later at the earliest.
create or replace function public.start_auto_topup(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_month timestamptz := date_trunc('month', v_now, 'UTC');
  w public.wallets;
  a public.auto_topups;
  c public.credit_packages;
  p public.payments;
begin
  select * into w from public.wallets x where x.user_id = p_user_id;
  if not found or not private.flag_on('payments', p_user_id) then
    return null;
  end if;
  w := private.lock_wallet(w.id);
  select * into a from public.auto_topups x where x.wallet_id = w.id;
  select * into p from public.payments x
  where x.wallet_id = w.id and x.kind = 'auto_topup' and x.status in ('pending', 'open', 'processing');
  if a.enabled is not true or a.not_before > v_now then
    return null;
  end if;
  if p.status <> 'pending' then -- a bank debit takes days: who waits for one must not stand before all others in the list of what is due
    update public.auto_topups x set not_before = v_now + interval '10 minutes' where x.wallet_id = w.id;
    return null;
  end if;
  if p.id is null then
    select * into c from public.credit_packages x where x.id = a.package_id;
    if w.balance - w.held >= a.threshold or not c.active then
      update public.auto_topups x set due_at = null where x.wallet_id = w.id;
      return null;
    end if;
    if a.monthly_cap_cents < c.amount_cents + (
      select coalesce(sum(x.amount_cents), 0) from public.payments x
      where x.wallet_id = w.id and x.kind = 'auto_topup' and x.status not in ('failed', 'expired') and x.created_at >= v_month) then
      update public.auto_topups x set not_before = v_month + interval '1 month' where x.wallet_id = w.id;
      perform private.notify(p_user_id, 'auto_topup_capped', jsonb_build_object('monthly_cap_cents', a.monthly_cap_cents, 'currency', c.currency),
        'auto_topup_capped:' || to_char(v_month at time zone 'UTC', 'YYYY-MM'));
      return null;
    end if;
    insert into public.payments (user_id, wallet_id, kind, package_id, credits, amount_cents, currency,
      idempotency_key, request_digest, created_at, updated_at)
    values (p_user_id, w.id, 'auto_topup', c.id, c.credits + c.bonus_credits, c.amount_cents, c.currency,
      'auto_topup:' || gen_random_uuid(), private.request_digest('auto_topup', to_jsonb(c.id)), v_now, v_now)
    returning * into p;
  end if;
  update public.auto_topups x set not_before = v_now + interval '10 minutes' where x.wallet_id = w.id;
  return jsonb_build_object('id', p.id, 'user_id', p.user_id, 'amount_cents', p.amount_cents, 'currency', p.currency,
    'payment_method_id', p.payment_method_id, 'stale', p.created_at < v_now - interval '20 hours');
end
$$;

revoke all on function public.start_auto_topup(uuid) from public, anon, authenticated, service_role;
grant execute on function public.start_auto_topup(uuid) to service_role;
