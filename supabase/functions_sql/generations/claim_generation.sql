-- claim_generation(p_generation_id, p_worker, p_lease_seconds) -> jsonb      called by: backend/rpc/generations.py as service_role
-- Makes the caller the owner of a queued generation until the lease ends: a new attempt, and all that is needed to run it.
-- Null when there is nothing to do: it is running, waits for a slot, has ended, is unknown, or its hold has ended (then it fails here,
-- uncharged). Guarantees: of any number of callers one gets it. Nobody works without a hold, and no user has more workers than slots.
-- `prompt` and `params` are what the provider is to be sent: the user's, put together with the presets that the generation was made with.
-- Refuses: invalid_params 422
create or replace function public.claim_generation(p_generation_id uuid, p_worker text, p_lease_seconds integer default 60)
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
  select * into g from public.generations x
  where x.id = p_generation_id and x.status = 'queued' and x.dispatch_at < 'infinity' for no key update;
  if not found then
    return null;
  end if;
  v_lease_until := private.clock() + make_interval(secs => p_lease_seconds);
  if not private.keep_hold(g.reservation_id, v_lease_until) then
    perform private.end_generation(g, 'failed', 'hold_expired', 'It waited longer than its credits were held. Nothing was charged.');
    perform private.promote_waiting(g.user_id, private.clock());
    return null;
  end if;
  update public.generations x
  set status = 'running', attempt = x.attempt + 1, worker = p_worker, lease_until = v_lease_until, dispatch_at = null,
      error_code = null, error_message = null, started_at = coalesce(x.started_at, private.clock())
  where x.id = g.id
  returning * into g;
  return (
    select jsonb_build_object(
      'id', g.id, 'user_id', g.user_id, 'attempt', g.attempt, 'provider', m.provider, 'model', m.id,
      'provider_model', coalesce(m.provider_model, m.id), 'kind', m.kind, 'prompt', c.sent -> 'prompt',
      'params', c.sent -> 'params', 'presets', coalesce(g.presets, '[]'), 'params_schema', m.params_schema, 'max_prompt_chars', m.max_prompt_chars,
      'timeout_seconds', m.timeout_seconds, 'provider_request_id', g.provider_request_id,
      'credits_reserved', g.credits_reserved, 'created_at', private.rfc3339(g.created_at))
    from public.models m cross join lateral (select private.compose_prompt(m, g.prompt, g.params, g.presets) as sent) c
    where m.id = g.model_id);
end
$$;

revoke all on function public.claim_generation(uuid, text, integer) from public, anon, authenticated, service_role;
grant execute on function public.claim_generation(uuid, text, integer) to service_role;
