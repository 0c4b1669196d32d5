-- ignore_stripe_event(p_event_id, p_reason) -> void      called by: backend/rpc/stripe_events.py as service_role
-- Ends an event that is about nothing of ours. What has ended stays as it is.
-- Refuses: event_not_found 404
create or replace function public.ignore_stripe_event(p_event_id text, p_reason text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  e private.stripe_events := private.lock_stripe_event(p_event_id);
begin
  if e.state in ('received', 'parked') then
    perform private.finish_stripe_event(e.id, 'ignored', left(p_reason, 500));
  end if;
end
$$;

revoke all on function public.ignore_stripe_event(text, text) from public, anon, authenticated, service_role;
grant execute on function public.ignore_stripe_event(text, text) to service_role;
