-- get_stripe_customer(p_user_id) -> text      called by: backend/rpc/billing.py as service_role
-- The user's customer id at Stripe; null when there is none yet.
create or replace function public.get_stripe_customer(p_user_id uuid)
returns text
language sql
stable
security definer
set search_path = ''
as $$
  select c.customer_id from private.stripe_customers c where c.user_id = p_user_id;
$$;

revoke all on function public.get_stripe_customer(uuid) from public, anon, authenticated, service_role;
grant execute on function public.get_stripe_customer(uuid) to service_role;
