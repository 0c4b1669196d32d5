-- complete_generation(p_generation_id, p_attempt, p_outputs, p_credits, p_cost_micros) -> jsonb      called by: backend/rpc/generations.py as service_role
-- Succeeded and charged, in one transaction: p_credits (null: what was reserved), the rest goes back. {id, status, attempt, credits_charged, absorbed, next}.
-- next: generations of the user that got the slot, [{id, attempt, queue}]; tell the workers.
-- cost_micros (null: what the price it was made with says) is added to what earlier attempts cost. A repeat by the same attempt answers the stored outcome.
-- Refuses, first match wins: generation_not_found 404 · stale_attempt 409 · invalid_params 422 · invalid_amount 400
create or replace function public.complete_generation(
  p_generation_id uuid, p_attempt integer, p_outputs jsonb, p_credits bigint default null, p_cost_micros bigint default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  g public.generations := private.lock_generation(p_generation_id);
  v_cost bigint;
  r public.credit_reservations;
  v_next jsonb := '[]';
begin
  if g.status = 'succeeded' and g.attempt = p_attempt then
    select * into strict r from public.credit_reservations x where x.id = g.reservation_id;
  else
    perform private.check_attempt(g, p_attempt);
    if jsonb_typeof(p_outputs) is distinct from 'array' or p_cost_micros < 0 then
      raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "outputs"}',
        hint = 'outputs is a JSON array of what was made; cost_micros is zero or more.';
    end if;
    v_cost := coalesce(p_cost_micros, private.expected_cost(g));
    r := private.settle_reservation(g.reservation_id, p_credits, 'system:worker', jsonb_build_object('model', g.model_id));
    update public.generations x
    set status = 'succeeded', outputs = p_outputs, credits_charged = r.confirmed_amount,
        cost_micros = coalesce(x.cost_micros + v_cost, v_cost, x.cost_micros), progress = 1,
        lease_until = null, finished_at = private.clock()
    where x.id = g.id
    returning * into g;
    v_next := private.promote_waiting(g.user_id, private.clock() + interval '15 seconds');
  end if;
  return jsonb_build_object('id', g.id, 'status', g.status, 'attempt', g.attempt, 'credits_charged', g.credits_charged,
    'absorbed', r.absorbed_amount, 'next', v_next);
end
$$;

revoke all on function public.complete_generation(uuid, integer, jsonb, bigint, bigint) from public, anon, authenticated, service_role;
grant execute on function public.complete_generation(uuid, integer, jsonb, bigint, bigint) to service_role;
