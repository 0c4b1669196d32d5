-- release_holds(w, p_reservation_ids, p_reason) -> void      called by: cancel_batch
-- As close_hold, for many holds of one wallet: one update of the wallet, one of each lot. A debt is paid first, out of what would be
-- burned first. w is locked and current.
create or replace function private.release_holds(w public.wallets, p_reservation_ids uuid[], p_reason text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_amount bigint;
  v_lots jsonb;
begin
  with released as (
    update public.credit_reservations x set status = 'released', reason = p_reason, settled_at = private.clock()
    where x.id = any(p_reservation_ids) and x.status = 'held'
    returning x.amount, x.lots
  ), lot as (
    select (e ->> 'grant_id')::uuid as grant_id, sum((e -> 'amount')::bigint) as amount
    from released r cross join jsonb_array_elements(r.lots) e group by 1
  )
  select (select sum(r.amount) from released r), (
    select coalesce(jsonb_agg(jsonb_build_object('grant_id', g.id, 'amount', l.amount)
      order by g.expires_at nulls last, g.paid, g.created_at, g.id), '[]')
    from lot l join public.credit_grants g on g.id = l.grant_id)
  into v_amount, v_lots;
  if v_amount is not null then
    perform private.move_wallet(w.id, 0, -v_amount, private.restore_lots(private.slice_lots(v_lots, w.debt)));
  end if;
end
$$;

revoke all on function private.release_holds(public.wallets, uuid[], text) from public, anon, authenticated, service_role;
