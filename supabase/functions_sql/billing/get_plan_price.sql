-- get_plan_price(p_plan_id) -> jsonb      called by: backend/rpc/subscriptions.py as service_role
-- {id, plan_id, title, credits, period, amount_cents, currency, stripe_price_id} of what a plan sells now; stripe_price_id is null until
-- store_plan_price. A new price or number of credits makes a new version, the old one stays what it was.
-- Refuses: plan_not_found 404
create or replace function public.get_plan_price(p_plan_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  l public.plans;
begin
  select * into l from public.plans x where x.id = p_plan_id and x.active;
  if not found then
    perform private.refuse_unknown_plan(p_plan_id);
  end if;
  insert into private.plan_prices (plan_id, credits, period, amount_cents, currency, created_at)
  values (l.id, l.credits, l.period, l.amount_cents, l.currency, private.clock())
  on conflict do nothing;
  return (
    select jsonb_build_object('id', v.id, 'plan_id', l.id, 'title', l.title, 'credits', v.credits, 'period', v.period,
      'amount_cents', v.amount_cents, 'currency', v.currency, 'stripe_price_id', v.stripe_price_id)
    from private.plan_prices v
    where (v.plan_id, v.credits, v.period, v.amount_cents, v.currency) = (l.id, l.credits, l.period, l.amount_cents, l.currency));
end
$$;

revoke all on function public.get_plan_price(text) from public, anon, authenticated, service_role;
grant execute on function public.get_plan_price(text) to service_role;
