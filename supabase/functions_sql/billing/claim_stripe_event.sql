-- claim_stripe_event(p_event_id) -> jsonb      called by: backend/rpc/stripe_events.py as service_role
-- {id, type, object_type, object_id, payload} of an event that waits; null when it is handled, ignored or parked.
-- Refuses: event_not_found 404
create or replace function public.claim_stripe_event(p_event_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  e private.stripe_events := private.lock_stripe_event(p_event_id);
begin
  if e.state <> 'received' then
    return null;
  end if;
  return jsonb_build_object('id', e.id, 'type', e.type, 'object_type', e.object_type, 'object_id', e.object_id,
    'payload', e.payload);
end
$$;

revoke all on function public.claim_stripe_event(text) from public, anon, authenticated, service_role;
grant execute on function public.claim_stripe_event(text) to service_role;
