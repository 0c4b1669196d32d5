-- fail_stripe_event(p_event_id, p_error, p_final) -> jsonb      called by: backend/rpc/stripe_events.py as service_role
-- An attempt to apply it failed: {id, state, attempts}. It is tried again after 20 s, 40 s, ... up to an hour; after 12 attempts, or at
-- once when p_final, it is parked until an admin looks. What has ended stays as it is.
-- Refuses: event_not_found 404
create or replace function public.fail_stripe_event(p_event_id text, p_error text, p_final boolean default false)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  e private.stripe_events := private.lock_stripe_event(p_event_id);
  v_parked boolean := p_final or e.attempts + 1 >= 12;
begin
  if e.state = 'received' then
    update private.stripe_events x
    set attempts = e.attempts + 1, last_error = left(p_error, 500), state = case when v_parked then 'parked' else 'received' end,
        next_attempt_at = case when not v_parked then
          private.clock() + make_interval(secs => least(3600, 10 * 2 ^ least(e.attempts + 1, 10))) end
    where x.id = e.id
    returning * into e;
  end if;
  return jsonb_build_object('id', e.id, 'state', e.state, 'attempts', e.attempts);
end
$$;

revoke all on function public.fail_stripe_event(text, text, boolean) from public, anon, authenticated, service_role;
grant execute on function public.fail_stripe_event(text, text, boolean) to service_role;
