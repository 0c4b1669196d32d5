-- list_packages() -> jsonb      called by: backend/rpc/billing.py as anon or as the user
-- The active credit packages in their order. amount_cents is in the smallest unit of currency, before tax and discounts.
create or replace function public.list_packages()
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'id', p.id, 'title', p.title, 'credits', p.credits, 'bonus_credits', p.bonus_credits,
    'amount_cents', p.amount_cents, 'currency', p.currency) order by p.sort, p.id), '[]')
  from public.credit_packages p
  where p.active;
$$;

revoke all on function public.list_packages() from public, anon, authenticated, service_role;
grant execute on function public.list_packages() to anon, authenticated, service_role;
