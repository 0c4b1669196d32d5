-- retry_batch(p_batch_id, p_idempotency_key) -> jsonb      called by: backend/rpc/batches.py as the user
-- Makes a new generation, with a new hold at today's price and the chosen presets as they are today, for each item whose last one failed: all or none. Returns the batch.
-- A repeat of the key retries nothing more. Where nothing has failed, nothing is done.
-- Guarantees: one lock and one update of the wallet; of two retries at once one finds the failed items.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422 · batch_not_found 404 · feature_disabled 403 ·
--   model_not_found 404 · user_suspended 403 · insufficient_credits 402
create or replace function private.retry_batch(p_batch_id uuid, p_idempotency_key text)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan' -- what is cheaper for so many items costs more to plan each time
as $$
declare
  v_user_id uuid := private.require_user();
  b public.batches;
  w public.wallets;
  v_items jsonb;
begin
  perform private.check_idempotency_key(p_idempotency_key);
  b := private.find_batch(p_batch_id, v_user_id);
  w := private.open_wallet(v_user_id);
  insert into private.batch_retries values (b.id, p_idempotency_key, private.clock()) on conflict do nothing;
  if found then
    select jsonb_agg(jsonb_build_object('index', g.batch_index, 'model', g.model_id, 'prompt', g.prompt, 'params', g.params,
        'presets', (select jsonb_agg(p -> 'key') from jsonb_array_elements(g.presets) p where not p ? 'always'))
      order by g.batch_index) into v_items
    from private.last_tries(b.id) g where g.status = 'failed';
    if v_items is not null then
      perform private.require_flag('batches'), private.require_flag('generations');
      update public.batches x set rounds = x.rounds + 1 where x.id = b.id returning * into b;
      perform private.hold_items(w, b, v_items, private.price_items(v_items, v_user_id), private.clock());
    end if;
  end if;
  return private.batch_json(private.find_batch(b.id, v_user_id));
end
$$;

create or replace function public.retry_batch(p_batch_id uuid, p_idempotency_key text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.retry_batch(p_batch_id, p_idempotency_key);
end
$$;

revoke all on function private.retry_batch(uuid, text), public.retry_batch(uuid, text) from public, anon, authenticated, service_role;
grant execute on function private.retry_batch(uuid, text), public.retry_batch(uuid, text) to authenticated;
