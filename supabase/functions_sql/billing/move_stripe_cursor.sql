-- move_stripe_cursor(p_read_until) -> timestamptz      called by: backend/rpc/stripe_events.py as service_role, after a complete run
-- Every event made before p_read_until is recorded now. It only moves forward, and never past now: events of
-- Stripe's test clocks may tell a time to come, and until then the healer would read nothing.
create or replace function public.move_stripe_cursor(p_read_until timestamptz)
returns timestamptz
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_read_until timestamptz;
begin
  update private.stripe_cursor c set read_until = greatest(c.read_until, least(p_read_until, private.clock())), moved_at = private.clock()
  where c.singleton
  returning c.read_until into strict v_read_until;
  return v_read_until;
end
$$;

revoke all on function public.move_stripe_cursor(timestamptz) from public, anon, authenticated, service_role;
grant execute on function public.move_stripe_cursor(timestamptz) to service_role;
