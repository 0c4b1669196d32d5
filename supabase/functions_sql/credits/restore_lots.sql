-- restore_lots(p_lots) -> timestamptz      called by: settle_reservation, close_hold, refund_transaction
-- Puts credits back into the very lots they came from; returns the earliest expiry among those lots (null: none expires).
-- A lot that expired in the meantime gets them too: the next touch of the wallet then books them as expired.
create or replace function private.restore_lots(p_lots jsonb)
returns timestamptz
language sql
set search_path = ''
as $$
  with restored as (
    update public.credit_grants g
    set remaining = g.remaining + l.amount
    from (
      select (e ->> 'grant_id')::uuid as grant_id, sum((e ->> 'amount')::bigint)::bigint as amount
      from jsonb_array_elements(p_lots) e group by 1
    ) l
    where g.id = l.grant_id
    returning g.expires_at
  )
  select min(r.expires_at) from restored r;
$$;

revoke all on function private.restore_lots(jsonb) from public, anon, authenticated, service_role;
