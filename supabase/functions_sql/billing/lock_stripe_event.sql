-- lock_stripe_event(p_event_id) -> stripe_events      called by: operations that change an event
-- Lock order: event, then payment, then wallet.
-- Refuses: event_not_found 404
create or replace function private.lock_stripe_event(p_event_id text)
returns private.stripe_events
language plpgsql
set search_path = ''
as $$
declare
  e private.stripe_events;
begin
  select * into e from private.stripe_events x where x.id = p_event_id for no key update;
  if not found then
    raise exception using errcode = 'PT404', message = 'event_not_found', detail = jsonb_build_object('event_id', p_event_id)::text,
      hint = 'There is no such event.';
  end if;
  return e;
end
$$;

revoke all on function private.lock_stripe_event(text) from public, anon, authenticated, service_role;
