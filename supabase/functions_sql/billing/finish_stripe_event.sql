-- finish_stripe_event(p_event_id, p_state, p_note) -> void      called by: whatever moves the books for an event, in the same transaction
-- Marks a locked event as handled or ignored, so that it is never applied again.
create or replace function private.finish_stripe_event(p_event_id text, p_state text, p_note text default null)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update private.stripe_events e
  set state = p_state, handled_at = private.clock(), next_attempt_at = null, attempts = e.attempts + 1, last_error = p_note
  where e.id = p_event_id;
end
$$;

revoke all on function private.finish_stripe_event(text, text, text) from public, anon, authenticated, service_role;
