-- restore_lots(p_lots) -> timestamptz      called by: settle_reservation, close_hold, refund_transaction
-- Puts credits back into the very lots they came from; returns the earliest expiry among those lots (null: none expires).
-- A lot that expired in the meantime gets them too: the next touch of the wallet then books them as expired.
create or replace function private.restore_lots(p_lots jsonb)
returns timestamptz
language plpgsql
set search_path = ''
as $$
declare
  v_lot jsonb;
  v_expires_at timestamptz;
  v_earliest timestamptz;
begin
  for v_lot in select e from jsonb_array_elements(p_lots) e loop
    update public.credit_grants g set remaining = g.remaining + (v_lot -> 'amount')::bigint
    where g.id = (v_lot ->> 'grant_id')::uuid
    returning g.expires_at into strict v_expires_at;
    v_earliest := least(v_earliest, v_expires_at);
  end loop;
  return v_earliest;
end
$$;

revoke all on function private.restore_lots(jsonb) from public, anon, authenticated, service_role;
