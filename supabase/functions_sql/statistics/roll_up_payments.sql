-- roll_up_payments(p_uncounted, p_limit) -> (uncounted, counted)      called by: roll_up_statistics
-- Adds up to p_limit steps of payments of p_uncounted to daily_revenue and monthly_buyers; returns the ids that are left.
create or replace function private.roll_up_payments(p_uncounted int8multirange, p_limit integer, out uncounted int8multirange, out counted bigint)
language plpgsql
set search_path = ''
as $$
declare
  v_ids int8multirange;
begin
  with fact as materialized (
    select f.*, f.payments <> 0 or f.charged_cents <> 0 or f.refunded_cents <> 0 or f.disputed_cents <> 0 as moves
    from private.payment_facts(p_uncounted, p_limit) f
  ), summed as (
    insert into private.daily_revenue as d (day, currency, payments, charged_cents, refunded_cents, disputed_cents)
    select f.day, f.currency, sum(f.payments), sum(f.charged_cents), sum(f.refunded_cents), sum(f.disputed_cents)
    from fact f where f.moves group by 1, 2
    on conflict (day, currency) do update
    set payments = d.payments + excluded.payments, charged_cents = d.charged_cents + excluded.charged_cents,
        refunded_cents = d.refunded_cents + excluded.refunded_cents, disputed_cents = d.disputed_cents + excluded.disputed_cents
  ), bought as (
    insert into private.monthly_buyers as m (wallet_id, month, currency, payments, revenue_cents)
    select f.wallet_id, date_trunc('month', f.day::timestamp)::date, f.currency, sum(f.payments),
      sum(f.charged_cents - f.refunded_cents - f.disputed_cents)
    from fact f where f.moves group by 1, 2, 3
    on conflict (wallet_id, month, currency) do update
    set payments = m.payments + excluded.payments, revenue_cents = m.revenue_cents + excluded.revenue_cents
  )
  select count(*), range_agg(int8range(f.id, f.id, '[]')) into counted, v_ids from fact f;
  uncounted := p_uncounted - coalesce(v_ids, '{}');
end
$$;

revoke all on function private.roll_up_payments(int8multirange, integer) from public, anon, authenticated, service_role;
