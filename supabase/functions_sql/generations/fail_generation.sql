-- fail_generation(p_generation_id, p_attempt, p_error_code, p_error_message, p_retryable, p_cost_micros) -> jsonb      called by: backend/rpc/generations.py as service_role
-- The attempt is over without a result: queued again, or failed (canceled) and released, in one transaction. {id, status, attempt, retry_at, next}.
-- next: as complete_generation; a generation that is tried again keeps its slot.
-- What the provider billed all the same is added to cost_micros. A repeat by the same attempt answers what became of it.
-- Refuses, first match wins: invalid_params 422 · generation_not_found 404 · stale_attempt 409
create or replace function public.fail_generation(
  p_generation_id uuid, p_attempt integer, p_error_code text, p_error_message text, p_retryable boolean,
  p_cost_micros bigint default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  g public.generations;
  v_next jsonb := '[]';
begin
  if p_error_code is null or char_length(p_error_code) not between 1 and 100 or p_retryable is null or p_cost_micros < 0 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "error_code"}',
      hint = 'Name the error in 1 to 100 characters, say whether it may be tried again; cost_micros is zero or more.';
  end if;
  g := private.lock_generation(p_generation_id);
  if not (g.status in ('queued', 'failed', 'canceled') and g.attempt = p_attempt) then
    perform private.check_attempt(g, p_attempt);
    update public.generations x set cost_micros = coalesce(x.cost_micros, 0) + p_cost_micros
    where x.id = g.id and p_cost_micros is not null;
    g := private.fail_attempt(g, p_error_code, left(p_error_message, 1000), p_retryable);
    if g.finished_at is not null then
      v_next := private.promote_waiting(g.user_id, private.clock() + interval '15 seconds');
    end if;
  end if;
  return jsonb_build_object('id', g.id, 'status', g.status, 'attempt', g.attempt,
    'retry_at', case when g.status = 'queued' then private.rfc3339(g.dispatch_at) end, 'next', v_next);
end
$$;

revoke all on function public.fail_generation(uuid, integer, text, text, boolean, bigint) from public, anon, authenticated, service_role;
grant execute on function public.fail_generation(uuid, integer, text, text, boolean, bigint) to service_role;
