-- get_stripe_cursor() -> timestamptz      called by: backend/rpc/stripe_events.py as service_role
-- Every event that Stripe made before this time is recorded; null before the first complete run of the healer.
create or replace function public.get_stripe_cursor()
returns timestamptz
language sql
stable
security definer
set search_path = ''
as $$
  select c.read_until from private.stripe_cursor c;
$$;

revoke all on function public.get_stripe_cursor() from public, anon, authenticated, service_role;
grant execute on function public.get_stripe_cursor() to service_role;
