-- slice_lots(p_lots, p_skip, p_take) -> jsonb      called by: settle_reservation, close_hold, refund_transaction, credit_figures
-- Of [{grant_id, amount}], in order, leaves out the first p_skip credits and returns the next p_take (null: all).
create or replace function private.slice_lots(p_lots jsonb, p_skip bigint, p_take bigint default null)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  with ends as (
    select e.n, e.lot ->> 'grant_id' as grant_id, (e.lot ->> 'amount')::bigint as amount,
           sum((e.lot ->> 'amount')::bigint) over (order by e.n)::bigint as upto
    from jsonb_array_elements(p_lots) with ordinality as e (lot, n)
  ), parts as (
    select e.n, e.grant_id, least(e.upto, p_skip + p_take) - greatest(e.upto - e.amount, p_skip) as amount from ends e
  )
  select coalesce(jsonb_agg(jsonb_build_object('grant_id', p.grant_id, 'amount', p.amount) order by p.n), '[]')
  from parts p where p.amount > 0;
$$;

revoke all on function private.slice_lots(jsonb, bigint, bigint) from public, anon, authenticated, service_role;
