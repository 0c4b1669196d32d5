-- roll_over(w, p, p_expires_at) -> wallets      called by: book_payment, before the credits of a new period are given
-- With a capped plan: of what this subscription gave for earlier periods, at most rollover_cap unused credits go on to live as long as the new
-- period's, the newest first; the rest expires now. Each lot stays the lot it was. What open holds have set aside counts, and is not touched.
-- Credits from elsewhere are not looked at. w is locked and current.
create or replace function private.roll_over(w public.wallets, p public.payments, p_expires_at timestamptz)
returns public.wallets
language plpgsql
set search_path = ''
as $$
declare
  v_room bigint := (select l.rollover_cap from public.plans l where l.id = p.plan_id and l.rollover = 'capped' and p.whole_period);
  v_lots uuid[];
  v_held jsonb;
  v_cut bigint;
  g public.credit_grants;
begin
  if v_room is null then
    return w;
  end if;
  select coalesce(jsonb_object_agg(h.grant_id, h.credits), '{}') into v_held from (
    select x ->> 'grant_id' as grant_id, sum((x ->> 'amount')::bigint) as credits
    from public.credit_reservations r, jsonb_array_elements(r.lots) x
    where r.wallet_id = w.id and r.status = 'held' and x ->> 'grant_id' is not null group by 1) h;
  select coalesce(array_agg(o.id), '{}'), v_room - coalesce(sum((v_held ->> o.id::text)::bigint), 0) into v_lots, v_room
  from public.credit_grants o join public.payments y on y.id = o.payment_id
  where o.wallet_id = w.id and (o.open or v_held ? o.id::text) and o.expires_at <= p_expires_at
    and y.subscription_id = p.subscription_id and y.period_end <= p.period_start;
  for g in select * from public.credit_grants x where x.id = any (v_lots) order by x.expires_at desc, x.created_at desc, x.id loop
    v_cut := greatest(0, g.remaining - greatest(0, v_room));
    v_room := v_room - (g.remaining - v_cut);
    update public.credit_grants x set remaining = g.remaining - v_cut, expires_at = p_expires_at where x.id = g.id;
    if v_cut > 0 then
      perform private.post(w, 'expiry', -v_cut, 'breakage', jsonb_build_array(jsonb_build_object('grant_id', g.id, 'amount', v_cut)),
        'system:rollover', p_reason => 'payment:' || p.id);
      select * into strict w from public.wallets x where x.id = w.id;
    end if;
  end loop;
  return w;
end
$$;

revoke all on function private.roll_over(public.wallets, public.payments, timestamptz) from public, anon, authenticated, service_role;
