-- slice_lots(p_lots, p_skip, p_take) -> jsonb      called by: settle_reservation, close_hold, refund_transaction, credit_figures
-- Of [{grant_id, amount}], in order, leaves out the first p_skip credits and returns the next p_take (null: all).
create or replace function private.slice_lots(p_lots jsonb, p_skip bigint, p_take bigint default null)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_skip bigint := p_skip;
  v_take bigint := p_take;
  v_amount bigint;
  v_slice jsonb := '[]';
  v_lot jsonb;
begin
  for v_lot in select e from jsonb_array_elements(p_lots) e loop
    v_amount := (v_lot -> 'amount')::bigint;
    v_amount := v_amount - least(v_skip, v_amount);
    v_skip := v_skip - least(v_skip, (v_lot -> 'amount')::bigint);
    v_amount := least(v_amount, v_take);
    v_take := v_take - v_amount;
    if v_amount > 0 then
      v_slice := v_slice || jsonb_build_object('grant_id', v_lot -> 'grant_id', 'amount', v_amount);
    end if;
  end loop;
  return v_slice;
end
$$;

revoke all on function private.slice_lots(jsonb, bigint, bigint) from public, anon, authenticated, service_role;
