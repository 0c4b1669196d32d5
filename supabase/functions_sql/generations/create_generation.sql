-- create_generation(p_model_id, p_prompt, p_params, p_idempotency_key, p_presets) -> jsonb      called by: backend/rpc/generations.py as the user
-- Prices, reserves and queues in one transaction; returns the generation. A repeat of the key answers the first one with its present status.
-- When the user has no free slot it waits, and gets one when another of the user's generations ends.
-- p_presets: up to 10 keys of system prompts to be put together with p_prompt; see choose_presets. Price and length follow p_prompt alone.
-- Guarantees: no generation without a hold, no hold without a generation. One key, one generation.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422 · user_not_found 404 · idempotency_key_reused 409 ·
--   feature_disabled 403 · model_not_found 404 · invalid_params 422 · user_suspended 403 · insufficient_credits 402
drop function if exists public.create_generation(text, text, jsonb, text);
drop function if exists private.create_generation(text, text, jsonb, text);
create or replace function private.create_generation(
  p_model_id text, p_prompt text, p_params jsonb, p_idempotency_key text, p_presets jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_params jsonb := coalesce(p_params, '{}');
  v_presets jsonb := nullif(nullif(p_presets, 'null'), '[]');
  v_digest bytea := private.request_digest('create_generation',
    jsonb_build_array(p_model_id, p_prompt, v_params) || case when v_presets is null then '[]' else jsonb_build_array(v_presets) end);
  v_id uuid := gen_random_uuid();
  w public.wallets;
  r public.credit_reservations;
  m public.models;
  g public.generations;
begin
  perform private.check_idempotency_key(p_idempotency_key);
  w := private.open_wallet(v_user_id);
  r := private.replayed_reservation(w.id, p_idempotency_key, v_digest);
  if r.id is not null then
    select * into strict g from public.generations x where x.reservation_id = r.id;
    return private.generation_json(g);
  end if;
  perform private.require_flag('generations');
  m := private.model_for(p_model_id, p_prompt, v_params, v_user_id);
  perform private.check_presets(v_presets);
  r := private.hold_credits(w, (private.price_generation(m, p_prompt, v_params) ->> 'credits')::bigint,
    private.clock() + make_interval(secs => m.hold_seconds), p_idempotency_key, v_digest, 'generation:' || v_id, m.late_settle);
  -- With a slot: the caller hands it to the queue; if it can't, the dispatcher does after 15 seconds.
  insert into public.generations (
    id, user_id, model_id, prompt, params, max_attempts, dispatch_at, reservation_id, credits_reserved, price_version, presets,
    created_at)
  values (
    v_id, v_user_id, m.id, p_prompt, v_params, m.max_attempts,
    case when private.free_slots(v_user_id) > 0 then private.clock() + interval '15 seconds' else 'infinity' end,
    r.id, r.amount, m.price_version,
    private.choose_presets(m, p_prompt, v_params, v_presets), private.clock())
  returning * into g;
  return private.generation_json(g);
end
$$;

create or replace function public.create_generation(
  p_model_id text, p_prompt text, p_params jsonb, p_idempotency_key text, p_presets jsonb default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.create_generation(p_model_id, p_prompt, p_params, p_idempotency_key, p_presets);
end
$$;

revoke all on function private.create_generation(text, text, jsonb, text, jsonb), public.create_generation(text, text, jsonb, text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function private.create_generation(text, text, jsonb, text, jsonb), public.create_generation(text, text, jsonb, text, jsonb)
  to authenticated;
