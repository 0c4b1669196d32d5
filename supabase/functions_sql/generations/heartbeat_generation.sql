-- heartbeat_generation(p_generation_id, p_attempt, p_lease_seconds, p_progress, p_provider_request_id) -> jsonb      called by: backend/rpc/generations.py as service_role
-- {stop, lease_until, provider_request_id}: the attempt is alive; lease and hold are extended, progress and the provider's request id are kept.
-- stop: a cancel was asked for. The request id may have come by webhook.
-- Refuses, first match wins: invalid_params 422 · generation_not_found 404 · stale_attempt 409
create or replace function public.heartbeat_generation(
  p_generation_id uuid, p_attempt integer, p_lease_seconds integer default 60, p_progress real default null,
  p_provider_request_id text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease_until timestamptz;
  g public.generations;
begin
  perform private.check_ttl(p_lease_seconds);
  g := private.lock_generation(p_generation_id);
  perform private.check_attempt(g, p_attempt);
  v_lease_until := private.clock() + make_interval(secs => p_lease_seconds);
  perform private.keep_hold(g.reservation_id, v_lease_until);
  update public.generations x
  set lease_until = v_lease_until,
      progress = coalesce(least(1, greatest(0, p_progress)), x.progress),
      provider_request_id = coalesce(p_provider_request_id, x.provider_request_id)
  where x.id = g.id
  returning * into g;
  return jsonb_build_object('stop', g.cancel_requested, 'lease_until', private.rfc3339(v_lease_until),
    'provider_request_id', g.provider_request_id);
end
$$;

revoke all on function public.heartbeat_generation(uuid, integer, integer, real, text) from public, anon, authenticated, service_role;
grant execute on function public.heartbeat_generation(uuid, integer, integer, real, text) to service_role;
