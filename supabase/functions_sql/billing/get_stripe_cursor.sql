-- get_stripe_cursor() -> timestamptz      called by: backend/rpc/stripe_events.py as service_role
-- Every event of ours that Stripe made before this time is recorded. Before the first complete run of the healer: when our first customer
-- was made, since nothing was sold earlier; null while there is none.
create or replace function public.get_stripe_cursor()
returns timestamptz
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(c.read_until, (select min(x.created_at) from private.stripe_customers x)) from private.stripe_cursor c;
$$;

revoke all on function public.get_stripe_cursor() from public, anon, authenticated, service_role;
grant execute on function public.get_stripe_cursor() to service_role;
