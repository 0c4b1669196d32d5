-- statistics_revenue(p_from, p_to, p_by, p_keys) -> rows {key, revenue, usd_cents}      called by: admin_get_statistics
-- Money per day or month and currency, as statistics_credits. usd_cents: the net, null where another currency came in too.
create or replace function private.statistics_revenue(p_from date, p_to date, p_by text, p_keys text[])
returns table (key text, revenue jsonb, usd_cents numeric)
language sql
stable
set search_path = ''
as $$
  with fact as (
    select d.day, d.currency, d.payments, d.charged_cents, d.refunded_cents, d.disputed_cents
    from private.daily_revenue d where d.day between p_from and p_to
    union all
    select f.day, f.currency, f.payments, f.charged_cents, f.refunded_cents, f.disputed_cents
    from private.statistics_tail() c cross join lateral private.payment_facts(c.payments_uncounted) f where f.day between p_from and p_to
  ), summed as (
    select k.key, f.currency, sum(f.payments) as payments, sum(f.charged_cents) as charged, sum(f.refunded_cents) as refunded,
      sum(f.disputed_cents) as disputed
    from fact f cross join lateral (values (''), (to_char(f.day, case p_by when 'day' then 'YYYY-MM-DD' else 'YYYY-MM' end))) k (key)
    group by k.key, f.currency
    having bool_or(f.payments <> 0 or f.charged_cents <> 0 or f.refunded_cents <> 0 or f.disputed_cents <> 0)
    union all
    select k, null, 0, 0, 0, 0 from unnest(p_keys) k
  )
  select x.key,
    coalesce(jsonb_agg(jsonb_build_object('currency', x.currency, 'payments', x.payments, 'charged_cents', x.charged,
      'refunded_cents', x.refunded, 'disputed_cents', x.disputed, 'net_cents', x.charged - x.refunded - x.disputed)
      order by x.currency) filter (where x.currency is not null), '[]'),
    case when bool_and(coalesce(x.currency, 'usd') = 'usd') then sum(x.charged - x.refunded - x.disputed) end
  from summed x group by x.key;
$$;

revoke all on function private.statistics_revenue(date, date, text, text[]) from public, anon, authenticated, service_role;
