-- receive_provider_result(p_provider, p_request_id, p_generation_id, p_attempt, p_status, p_payload) -> jsonb      called by: backend/rpc/provider_results.py as service_role
-- Keeps what a provider told of one of its requests and says what to do: {outcome, dispatch: {id, attempt, queue}|null, wake}: wake whether a worker waits for it.
-- It never charges; the worker's settle does. outcome: `expected` the request that the generation waits for · `learned` a request whose id
-- its attempt had not kept, so that it is not paid for again · `surplus` another one than the generation has · `late` the generation has ended ·
-- `unknown` there is none. What a surplus or late request cost is added to the generation once.
-- Guarantees: one row and one outcome per request, however often it is told. A payload above 256 kB is left out. Refuses: invalid_params 422
create or replace function public.receive_provider_result(
  p_provider text, p_request_id text, p_generation_id uuid, p_attempt integer, p_status text, p_payload jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_outcome text;
  v_cost bigint := 0;
  v_woken boolean := false;
  g public.generations;
begin
  if p_status is null or p_status not in ('ok', 'error') or coalesce(char_length(p_provider), 0) not between 1 and 100
    or coalesce(char_length(p_request_id), 0) not between 1 and 300
  then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "status"}',
      hint = 'Name the provider (1 to 100 characters) and its request (1 to 300); status is ok or error.';
  end if;
  select * into g from public.generations x where x.id = p_generation_id for no key update;
  select x.outcome into v_outcome from private.provider_results x where x.provider = p_provider and x.request_id = p_request_id;
  if v_outcome is null then
    v_outcome := private.judge_result(g, p_request_id, p_attempt);
    if v_outcome = 'learned' then
      -- A retry that waits goes on with this request, now; one that waits for a slot keeps its place.
      v_woken := g.status = 'queued' and g.dispatch_at < 'infinity';
      update public.generations x
      set provider_request_id = p_request_id, dispatch_at = case when v_woken then private.clock() else x.dispatch_at end
      where x.id = g.id
      returning * into g;
    elsif p_status = 'ok' and (v_outcome = 'surplus' or v_outcome = 'late' and not private.cost_is_known(g, p_request_id)) then
      v_cost := coalesce(private.expected_cost(g), 0);
      update public.generations x set cost_micros = coalesce(x.cost_micros, 0) + v_cost where x.id = g.id and v_cost > 0;
      if g.finished_at is not null and v_cost > 0 then
        perform private.add_late_cost(g, v_cost);
      end if;
    end if;
    insert into private.provider_results (
      provider, request_id, generation_id, attempt, status, outcome, cost_micros, payload, received_at)
    values (
      p_provider, p_request_id, g.id, p_attempt, p_status, v_outcome, v_cost,
      case when octet_length(p_payload::text) <= 262144 then p_payload end, private.clock())
    on conflict (provider, request_id) do nothing;
  end if;
  return jsonb_build_object('outcome', v_outcome,
    'dispatch', case when v_woken then private.queue_entry(g.id, g.attempt, g.batch_id) end,
    'wake', coalesce(g.status = 'running' and g.provider_request_id = p_request_id, false));
end
$$;

revoke all on function public.receive_provider_result(text, text, uuid, integer, text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function public.receive_provider_result(text, text, uuid, integer, text, jsonb) to service_role;
