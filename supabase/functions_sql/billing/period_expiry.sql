-- period_expiry(p) -> timestamptz      called by: book_payment
-- When a subscription payment's credits expire: at the end of their period, later by what the plan rolls over by months and by its grace.
-- Credits that are booked only after their period live one period from now, so that no late event costs them. Null for what is no subscription.
create or replace function private.period_expiry(p public.payments)
returns timestamptz
language sql
volatile
set search_path = ''
as $$
  select case when p.period_end > n.now then p.period_end else n.now + (p.period_end - p.period_start) end
    + make_interval(months => coalesce(l.rollover_months, 0), days => l.grace_days)
  from public.plans l, (select private.clock() as now) n
  where l.id = p.plan_id and p.kind = 'subscription';
$$;

revoke all on function private.period_expiry(public.payments) from public, anon, authenticated, service_role;
