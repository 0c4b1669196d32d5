-- list_plans() -> jsonb      called by: backend/rpc/subscriptions.py as anon or as the user
-- The active plans in their order. amount_cents is in the smallest unit of currency, before tax and discounts.
create or replace function public.list_plans()
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'id', p.id, 'title', p.title, 'credits', p.credits, 'period', p.period, 'amount_cents', p.amount_cents, 'currency', p.currency,
    'rollover', p.rollover, 'rollover_cap', p.rollover_cap, 'rollover_months', p.rollover_months, 'grace_days', p.grace_days)
    order by p.sort, p.id), '[]')
  from public.plans p
  where p.active;
$$;

revoke all on function public.list_plans() from public, anon, authenticated, service_role;
grant execute on function public.list_plans() to anon, authenticated, service_role;
