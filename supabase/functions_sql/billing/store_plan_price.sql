-- store_plan_price(p_price_id, p_stripe_price_id) -> text      called by: backend/rpc/subscriptions.py as service_role
-- Remembers the Price at Stripe of a version of a plan and answers the one that counts: the first that was stored.
-- Refuses: plan_not_found 404
create or replace function public.store_plan_price(p_price_id uuid, p_stripe_price_id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_stripe_price_id text;
begin
  update private.plan_prices v set stripe_price_id = coalesce(v.stripe_price_id, p_stripe_price_id) where v.id = p_price_id
  returning v.stripe_price_id into v_stripe_price_id;
  if not found then
    perform private.refuse_unknown_plan(p_price_id::text);
  end if;
  return v_stripe_price_id;
end
$$;

revoke all on function public.store_plan_price(uuid, text) from public, anon, authenticated, service_role;
grant execute on function public.store_plan_price(uuid, text) to service_role;
