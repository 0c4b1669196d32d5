-- replace_stripe_customer(p_user_id, p_deleted_id, p_customer_id) -> text      called by: backend/rpc/billing.py as service_role
-- Puts a new customer in the place of one that was deleted at Stripe; answers the one that counts: whoever replaced it first.
-- Refuses: user_not_found 404
create or replace function public.replace_stripe_customer(p_user_id uuid, p_deleted_id text, p_customer_id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
begin
  update private.stripe_customers c set customer_id = p_customer_id
  where c.user_id = p_user_id and c.customer_id = p_deleted_id;
  return public.store_stripe_customer(p_user_id, p_customer_id);
end
$$;

revoke all on function public.replace_stripe_customer(uuid, text, text) from public, anon, authenticated, service_role;
grant execute on function public.replace_stripe_customer(uuid, text, text) to service_role;
