-- lock_wallet_of_reservation(p_reservation_id) -> wallets      called by: operations that name a reservation
-- Locked and brought up to date as by lock_wallet, in one statement.
-- Read the reservation after this: only under the wallet's lock is it final.
-- Refuses: reservation_not_found 404
create or replace function private.lock_wallet_of_reservation(p_reservation_id uuid)
returns public.wallets
language plpgsql
set search_path = ''
as $$
declare
  w public.wallets;
begin
  select * into w from public.wallets x
  where x.id = (select r.wallet_id from public.credit_reservations r where r.id = p_reservation_id) for no key update;
  if not found then
    raise exception using errcode = 'PT404', message = 'reservation_not_found',
      detail = jsonb_build_object('reservation_id', p_reservation_id)::text, hint = 'There is no such reservation.';
  end if;
  if w.tidy_after <= private.clock() then
    w := private.tidy_wallet(w);
  end if;
  return w;
end
$$;

revoke all on function private.lock_wallet_of_reservation(uuid) from public, anon, authenticated, service_role;
