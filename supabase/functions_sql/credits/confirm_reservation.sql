-- confirm_reservation(p_reservation_id, p_amount) -> credit_reservations      called by: backend/rpc/credits.py as service_role
-- Takes the held credits, all (p_amount null) or part; the rest goes back. See settle_reservation for more, late and twice.
-- Refuses, first match wins: invalid_amount 400 · reservation_not_found 404 · invalid_state 409
create or replace function public.confirm_reservation(p_reservation_id uuid, p_amount bigint default null)
returns public.credit_reservations
language plpgsql
security definer
set search_path = ''
as $$
begin
  return private.settle_reservation(p_reservation_id, p_amount, 'system:service', '{}');
end
$$;

revoke all on function public.confirm_reservation(uuid, bigint) from public, anon, authenticated, service_role;
grant execute on function public.confirm_reservation(uuid, bigint) to service_role;
