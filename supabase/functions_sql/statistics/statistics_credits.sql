-- statistics_credits(p_from, p_to, p_by, p_model, p_keys) -> rows {key, figures}      called by: admin_get_statistics
-- Credits per day, month or model: the roll-ups, and in the same snapshot the rows that they lack (statistics_tail). key '' is the total; each of p_keys
-- gets a row, of zeros if need be.
create or replace function private.statistics_credits(p_from date, p_to date, p_by text, p_model text, p_keys text[])
returns table (key text, figures jsonb)
language sql
stable
set search_path = ''
as $$
  with fact as (
    select d.day, d.kind, d.contra, d.model_id, d.credits, d.absorbed from private.daily_credits d where d.day between p_from and p_to
    union all
    select f.day, f.kind, f.contra, f.model_id, f.credits, f.absorbed
    from private.statistics_tail() c cross join lateral private.ledger_facts(c.ledger_uncounted) f where f.day between p_from and p_to
  ), keyed as (
    select k.key, f.kind, f.contra, f.credits, f.absorbed
    from fact f cross join lateral (values (''), (case p_by when 'day' then to_char(f.day, 'YYYY-MM-DD') when 'month' then to_char(f.day, 'YYYY-MM') else f.model_id end)) k (key)
    where (p_model is null or f.model_id = p_model) and (p_by <> 'model' or f.model_id <> '')
    union all
    select k, null, null, 0, 0 from unnest(p_keys) k
  )
  select x.key, jsonb_build_object('credits', jsonb_build_object(
    'sold', coalesce(sum(x.credits) filter (where x.kind = 'grant' and x.contra in ('purchases', 'subscriptions')), 0),
    'granted', coalesce(sum(x.credits) filter (where x.kind = 'grant' and x.contra not in ('purchases', 'subscriptions')), 0),
    'adjusted', coalesce(sum(x.credits) filter (where x.kind = 'adjustment'), 0),
    'used', coalesce(-sum(x.credits) filter (where x.kind = 'usage'), 0),
    'refunded', coalesce(sum(x.credits) filter (where x.kind = 'refund'), 0),
    'expired', coalesce(-sum(x.credits) filter (where x.kind = 'expiry'), 0),
    'reversed', coalesce(-sum(x.credits) filter (where x.contra = 'reversals'), 0),
    'gifted', coalesce(sum(x.credits) filter (where x.kind in ('gift_in', 'gift_out')), 0),
    'absorbed', sum(x.absorbed),
    'change', sum(x.credits)))
  from keyed x group by x.key;
$$;

revoke all on function private.statistics_credits(date, date, text, text, text[]) from public, anon, authenticated, service_role;
