-- stripe_event_json(e) -> jsonb      called by: admin operations on events
-- An event without its payload, which holds personal data.
create or replace function private.stripe_event_json(e private.stripe_events)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('id', e.id, 'type', e.type, 'object_type', e.object_type, 'object_id', e.object_id, 'source', e.source,
    'livemode', e.livemode, 'state', e.state, 'attempts', e.attempts, 'last_error', e.last_error,
    'received_at', private.rfc3339(e.received_at), 'next_attempt_at', private.rfc3339(e.next_attempt_at),
    'handled_at', private.rfc3339(e.handled_at));
$$;

revoke all on function private.stripe_event_json(private.stripe_events) from public, anon, authenticated, service_role;
