-- store_stripe_customer(p_user_id, p_customer_id) -> text      called by: backend/rpc/billing.py as service_role
-- Remembers a user's customer at Stripe and answers the one that counts: the first that was stored.
-- Refuses: user_not_found 404
create or replace function public.store_stripe_customer(p_user_id uuid, p_customer_id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_customer_id text;
begin
  perform private.ensure_account(p_user_id);
  insert into private.stripe_customers (user_id, customer_id, created_at) values (p_user_id, p_customer_id, private.clock())
  on conflict do nothing; -- of either key: parallel first calls bring the same customer
  select c.customer_id into strict v_customer_id from private.stripe_customers c where c.user_id = p_user_id;
  return v_customer_id;
end
$$;

revoke all on function public.store_stripe_customer(uuid, text) from public, anon, authenticated, service_role;
grant execute on function public.store_stripe_customer(uuid, text) to service_role;
