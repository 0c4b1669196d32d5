-- release_holds(w, p_reservation_ids, p_reason) -> void      called by: cancel_batch
-- As close_hold, for many holds of one wallet: one update of the wallet, one of each lot. A debt is paid first. w is locked and current.
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
  )
  select sum(r.amount), (select jsonb_agg(e) from released x, jsonb_array_elements(x.lots) e) into v_amount, v_lots from released r;
  if v_amount is null then
    return;
  end if;
  v_lots := (
    select coalesce(jsonb_agg(jsonb_build_object('grant_id', x.grant_id, 'amount', x.amount)), '[]')
    from (select e -> 'grant_id' as grant_id, sum((e -> 'amount')::bigint) as amount
          from jsonb_array_elements(private.slice_lots(v_lots, w.debt)) e group by 1) x);
  perform private.move_wallet(w.id, 0, -v_amount, private.restore_lots(v_lots));
end
$$;

revoke all on function private.release_holds(public.wallets, uuid[], text) from public, anon, authenticated, service_role;
