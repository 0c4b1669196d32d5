-- release_reservation(p_reservation_id, p_reason) -> credit_reservations      called by: backend/rpc/credits.py as service_role; cancel, fail and sweep of generations
-- Gives the hold back untouched. Releasing what was released or has expired is the same outcome.
-- Refuses: reservation_not_found 404 · invalid_state 409 (confirmed: use refund_transaction)
create or replace function public.release_reservation(p_reservation_id uuid, p_reason text default null)
returns public.credit_reservations
language plpgsql
security definer
set search_path = ''
as $$
declare
  w public.wallets := private.lock_wallet_of_reservation(p_reservation_id);
  r public.credit_reservations;
begin
  select * into strict r from public.credit_reservations x where x.id = p_reservation_id;
  if r.status = 'confirmed' then
    raise exception using errcode = 'PT409', message = 'invalid_state', detail = jsonb_build_object('status', r.status)::text,
      hint = 'These credits were already taken. Refund the transaction instead.';
  end if;
  if r.status = 'held' then
    perform private.close_hold(w, r, 'released', p_reason);
    select * into strict r from public.credit_reservations x where x.id = p_reservation_id;
  end if;
  return r;
end
$$;

revoke all on function public.release_reservation(uuid, text) from public, anon, authenticated, service_role;
grant execute on function public.release_reservation(uuid, text) to service_role;
