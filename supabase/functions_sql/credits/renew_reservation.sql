-- renew_reservation(p_reservation_id, p_ttl_seconds) -> credit_reservations      called by: backend/rpc/credits.py as service_role
-- An open hold lasts p_ttl_seconds from now, or as long as it did if that is later.
-- Refuses, first match wins: invalid_params 422 · reservation_not_found 404 · invalid_state 409 (not held any more)
create or replace function public.renew_reservation(p_reservation_id uuid, p_ttl_seconds integer)
returns public.credit_reservations
language plpgsql
security definer
set search_path = ''
as $$
declare
  r public.credit_reservations;
begin
  perform private.check_ttl(p_ttl_seconds);
  perform private.lock_wallet_of_reservation(p_reservation_id);
  update public.credit_reservations x
  set expires_at = greatest(x.expires_at, private.clock() + make_interval(secs => p_ttl_seconds))
  where x.id = p_reservation_id and x.status = 'held'
  returning * into r;
  if not found then
    raise exception using errcode = 'PT409', message = 'invalid_state',
      detail = jsonb_build_object('reservation_id', p_reservation_id)::text,
      hint = 'Only an open hold can be renewed. Reserve again with a new key.';
  end if;
  return r;
end
$$;

revoke all on function public.renew_reservation(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function public.renew_reservation(uuid, integer) to service_role;
