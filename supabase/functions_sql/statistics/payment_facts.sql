-- payment_facts(p_ids, p_limit) -> rows      called by: roll_up_payments, statistics_revenue, admin_get_cohorts
-- The only place that says as what a step of a payment counts: as the difference to the step before. What is not paid brings in nothing.
-- Steps with one of these ids, lowest first, at most p_limit. The steps of a payment are numbered in their order: its row was locked.
create or replace function private.payment_facts(p_ids int8multirange, p_limit bigint default 100000)
returns table (id bigint, day date, currency text, wallet_id uuid, payments bigint, charged_cents bigint, refunded_cents bigint, disputed_cents bigint)
language sql
stable
set search_path = ''
as $$
  select h.id, (h.created_at at time zone 'utc')::date, p.currency, p.wallet_id, s.payments, s.charged, s.refunded, s.disputed
  from (
    select x.* from unnest(p_ids) as u (ids) cross join lateral (
      select y.* from private.payment_history y
      where y.id >= lower(u.ids) and y.id < coalesce(upper(u.ids), 9223372036854775807)
      order by y.id limit p_limit) x
    limit p_limit) h
  cross join lateral (select * from public.payments y where y.id = h.payment_id offset 0) p
  left join lateral (
    select b.* from private.payment_history b where b.payment_id = h.payment_id and b.id < h.id order by b.id desc limit 1) b on true
  cross join lateral (
    select coalesce(sum(v.sign), 0)::bigint as payments, coalesce(sum(v.sign * v.charged), 0)::bigint as charged,
      coalesce(sum(v.sign * v.refunded), 0)::bigint as refunded, coalesce(sum(v.sign * v.disputed), 0)::bigint as disputed
    from (values
      (1, h.status, coalesce(h.charged_cents, p.charged_cents, 0), h.refunded_cents, h.disputed_cents),
      (-1, b.status, coalesce(b.charged_cents, p.charged_cents, 0), b.refunded_cents, b.disputed_cents)
    ) as v (sign, status, charged, refunded, disputed) where v.status = 'paid') s;
$$;

revoke all on function private.payment_facts(int8multirange, bigint) from public, anon, authenticated, service_role;
