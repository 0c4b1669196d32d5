-- keep_hold(p_reservation_id, p_until) -> boolean      called by: claim_generation, heartbeat_generation
-- Makes sure that an open hold lasts until p_until; false when it is not open any more. Takes the wallet's lock only when it has to extend.
create or replace function private.keep_hold(p_reservation_id uuid, p_until timestamptz)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  perform from public.credit_reservations r where r.id = p_reservation_id and r.status = 'held' and r.expires_at >= p_until;
  if found then
    return true;
  end if;
  perform private.lock_wallet_of_reservation(p_reservation_id);
  update public.credit_reservations r set expires_at = p_until where r.id = p_reservation_id and r.status = 'held';
  return found;
end
$$;

revoke all on function private.keep_hold(uuid, timestamptz) from public, anon, authenticated, service_role;
