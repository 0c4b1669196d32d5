-- tidy_wallet(w) -> wallets      called by: lock_wallet, when tidy_after has come
-- Books what time has already done: expired holds go back to their lots, then each expired lot gets its own expiry row.
-- What an open hold has set aside of an expired lot is not in `remaining`, so it lives until that hold ends.
create or replace function private.tidy_wallet(w public.wallets)
returns public.wallets
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  r public.credit_reservations;
  g public.credit_grants;
begin
  for r in
    select * from public.credit_reservations x
    where x.wallet_id = w.id and x.status = 'held' and x.expires_at <= v_now
    order by x.expires_at, x.id
  loop
    w := private.close_hold(w, r, 'expired', null);
  end loop;
  for g in
    select * from public.credit_grants x
    where x.wallet_id = w.id and x.open and x.expires_at <= v_now
    order by x.expires_at, x.id
  loop
    update public.credit_grants x set remaining = 0 where x.id = g.id;
    perform private.post(w, 'expiry', -g.remaining, 'breakage',
      jsonb_build_array(jsonb_build_object('grant_id', g.id, 'amount', g.remaining)), 'system:expiry');
    select * into strict w from public.wallets x where x.id = w.id;
  end loop;
  update public.wallets x
  set tidy_after = least(
    (select min(h.expires_at) from public.credit_reservations h where h.wallet_id = w.id and h.status = 'held'),
    (select min(o.expires_at) from public.credit_grants o where o.wallet_id = w.id and o.open))
  where x.id = w.id
  returning * into w;
  return w;
end
$$;

revoke all on function private.tidy_wallet(public.wallets) from public, anon, authenticated, service_role;
