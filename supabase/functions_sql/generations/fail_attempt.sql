-- fail_attempt(g, p_error_code, p_error_message, p_retryable) -> generations      called by: fail_generation, sweep_generations
-- What becomes of a running generation whose attempt is over: canceled when that was asked for, queued again with the hold kept while
-- tries are left, else failed and released. Back-off: 2, 4, 8 ... 300 seconds, give or take a quarter.
-- A worker that stops hands its generation back at once, and that is not counted as a failure.
-- A request that the provider failed or spoilt (error code provider_*) is spent; any other, also one whose provider is only out of
-- reach, is kept for the next attempt to resume, because it may be paid for already.
create or replace function private.fail_attempt(g public.generations, p_error_code text, p_error_message text, p_retryable boolean)
returns public.generations
language plpgsql
set search_path = ''
as $$
declare
  v_handed_back boolean := p_retryable and p_error_code = 'worker_stopped';
  v_failures integer := g.failures + case when v_handed_back then 0 else 1 end;
  v_spent boolean := p_error_code like 'provider\_%' and p_error_code not in ('provider_unavailable', 'provider_no_key');
  v_wait double precision := case when v_handed_back then 0 else least(300, 2 ^ v_failures) * (0.75 + random() / 2) end;
begin
  if g.cancel_requested then
    return private.end_generation(g, 'canceled', 'canceled', 'Canceled while it was running.');
  end if;
  if not p_retryable or v_failures >= g.max_attempts then
    return private.end_generation(g, 'failed', p_error_code, p_error_message);
  end if;
  update public.generations x
  set status = 'queued', failures = v_failures, error_code = p_error_code, error_message = p_error_message, lease_until = null,
      provider_request_id = case when not v_spent then x.provider_request_id end, progress = 0,
      dispatch_at = private.clock() + make_interval(secs => v_wait)
  where x.id = g.id
  returning * into g;
  return g;
end
$$;

revoke all on function private.fail_attempt(public.generations, text, text, boolean) from public, anon, authenticated, service_role;
