-- create_batch(p_items, p_idempotency_key, p_partial) -> jsonb      called by: backend/rpc/batches.py as the user
-- Prices, holds and queues up to 500 items [{model, prompt, params, presets?}] in one transaction; returns the batch with its first items.
-- All or nothing; with p_partial as many leading items as the wallet affords, the others are in `refused`. A repeat of the key answers
-- the batch with its present state.
-- Guarantees: one lock and one update of the wallet. Items start as the user's slots allow, after the user's single generations.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422 · user_not_found 404 · idempotency_key_reused 409 ·
--   feature_disabled 403 · model_not_found 404 · invalid_params 422 · user_suspended 403 · insufficient_credits 402
create or replace function private.create_batch(p_items jsonb, p_idempotency_key text, p_partial boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan' -- what is cheaper for so many items costs more to plan each time
as $$
declare
  v_user_id uuid := private.require_user();
  v_partial boolean := coalesce(p_partial, false);
  v_digest bytea := private.request_digest('create_batch', jsonb_build_array(p_items, v_partial));
  v_credits bigint[];
  v_size integer;
  v_afforded integer;
  w public.wallets;
  b public.batches;
begin
  perform private.check_idempotency_key(p_idempotency_key);
  v_size := case when jsonb_typeof(p_items) = 'array' then jsonb_array_length(p_items) else 0 end;
  if v_size not between 1 and 500 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "items"}',
      hint = 'A batch has 1 to 500 items.';
  end if;
  w := private.open_wallet(v_user_id);
  select * into b from public.batches x where x.user_id = v_user_id and x.idempotency_key = p_idempotency_key;
  if found then
    if b.request_digest <> v_digest then
      perform private.refuse_reused_key(p_idempotency_key, jsonb_build_object('batch_id', b.id));
    end if;
    return private.batch_json(b);
  end if;
  perform private.require_flag('batches'), private.require_flag('generations');
  -- Only a retry says which place an item has.
  if jsonb_path_exists(p_items, '$[*].index') then
    p_items := (select jsonb_agg(case jsonb_typeof(e.item) when 'object' then e.item - 'index' else e.item end order by e.n)
                from jsonb_array_elements(p_items) with ordinality e (item, n));
  end if;
  v_credits := private.price_items(p_items, v_user_id);
  v_afforded := v_size;
  if v_partial then
    select greatest(1, count(*)) into v_afforded
    from (select sum(c.credits) over (order by c.n) as upto from unnest(v_credits) with ordinality c (credits, n)) x
    where x.upto <= w.balance - w.held;
  end if;
  insert into public.batches (user_id, size, partial, refused, idempotency_key, request_digest, created_at)
  values (v_user_id, v_size, v_partial,
    (select coalesce(jsonb_agg(jsonb_build_object('index', n, 'code', 'insufficient_credits') order by n), '[]')
     from generate_series(v_afforded, v_size - 1) n),
    p_idempotency_key, v_digest, private.clock())
  returning * into b;
  perform private.hold_items(w, b, p_items, v_credits[:v_afforded], private.clock() + interval '15 seconds');
  return private.batch_json(b);
end
$$;

create or replace function public.create_batch(p_items jsonb, p_idempotency_key text, p_partial boolean default false)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.create_batch(p_items, p_idempotency_key, p_partial);
end
$$;

revoke all on function private.create_batch(jsonb, text, boolean), public.create_batch(jsonb, text, boolean)
  from public, anon, authenticated, service_role;
grant execute on function private.create_batch(jsonb, text, boolean), public.create_batch(jsonb, text, boolean) to authenticated;
