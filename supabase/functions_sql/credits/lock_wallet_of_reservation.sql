-- lock_wallet_of_reservation(p_reservation_id) -> wallets      called by: operations that name a reservation
-- Read the reservation again after this: only under the wallet's lock is it final.
-- Refuses: reservation_not_found 404
create or replace function private.lock_wallet_of_reservation(p_reservation_id uuid)
returns public.wallets
language plpgsql
set search_path = ''
as $$
declare
  v_wallet_id uuid;
begin
  select r.wallet_id into v_wallet_id from public.credit_reservations r where r.id = p_reservation_id;
  if not found then
    raise exception using errcode = 'PT404', message = 'reservation_not_found',
      detail = jsonb_build_object('reservation_id', p_reservation_id)::text, hint = 'There is no such reservation.';
  end if;
  return private.lock_wallet(v_wallet_id);
end
$$;

revoke all on function private.lock_wallet_of_reservation(uuid) from public, anon, authenticated, service_role;
