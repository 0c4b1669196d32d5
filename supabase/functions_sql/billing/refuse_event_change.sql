-- refuse_event_change() -> trigger      called by: stripe_events before update, delete and truncate; payment_history before all of them
-- What Stripe said and what we made of it stays; of an event only its state changes.
-- Refuses: forbidden 403
create or replace function private.refuse_event_change()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_level = 'ROW' then
    if (old.id, old.type, old.object_type, old.object_id, old.payload, old.livemode, old.source, old.received_at)
      is not distinct from
      (new.id, new.type, new.object_type, new.object_id, new.payload, new.livemode, new.source, new.received_at) then
      return new;
    end if;
  end if;
  raise exception using errcode = 'PT403', message = 'forbidden', hint = 'Events and the history of payments are kept for ever.';
end
$$;

revoke all on function private.refuse_event_change() from public, anon, authenticated, service_role;

create or replace trigger stripe_events_keep_what_was_said
  before update on private.stripe_events
  for each row execute function private.refuse_event_change();

create or replace trigger stripe_events_are_kept
  before delete or truncate on private.stripe_events
  for each statement execute function private.refuse_event_change();

create or replace trigger payment_history_is_append_only
  before update or delete or truncate on private.payment_history
  for each statement execute function private.refuse_event_change();
