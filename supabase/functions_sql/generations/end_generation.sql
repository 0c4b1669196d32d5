-- end_generation(g, p_status, p_error_code, p_error_message) -> generations      called by: claim, fail, cancel, sweep
-- Failed or canceled, and the credits are back: one transaction. g is locked and has not ended. Its slot is free: the caller, who then
-- has the wallet's lock, goes on with promote_waiting.
create or replace function private.end_generation(g public.generations, p_status text, p_error_code text, p_error_message text)
returns public.generations
language plpgsql
set search_path = ''
as $$
begin
  perform public.release_reservation(g.reservation_id, p_error_code);
  update public.generations x
  set status = p_status, error_code = p_error_code, error_message = p_error_message, lease_until = null, dispatch_at = null,
      finished_at = private.clock()
  where x.id = g.id
  returning * into g;
  return g;
end
$$;

revoke all on function private.end_generation(public.generations, text, text, text) from public, anon, authenticated, service_role;
