-- hold_items(w, b, p_items, p_credits, p_dispatch_at) -> void      called by: create_batch, retry_batch
-- A hold and a queued generation for each item, with one statement per table and one update of the wallet. w is locked and current.
-- The first items get the user's free slots, and the dispatcher may hand them on at p_dispatch_at; who waited before them goes first.
-- The lots are taken once for all; each hold remembers its own part of them, in burn order. Nothing joins items with items: a plan that PostgreSQL
-- keeps knows no numbers, and would go through all of them for each.
-- Refuses, first match wins: user_suspended 403 · insufficient_credits 402
drop function if exists private.hold_items(public.wallets, public.batches, jsonb, bigint[]);
create or replace function private.hold_items(
  w public.wallets, b public.batches, p_items jsonb, p_credits bigint[], p_dispatch_at timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_total bigint := (select sum(c) from unnest(p_credits) c);
  v_lots jsonb;
  v_tidy_after timestamptz;
  v_queue boolean := exists (
    select from public.generations g where g.user_id = b.user_id and g.status = 'queued' and g.dispatch_at = 'infinity');
  v_free integer := case when v_queue then 0 else private.free_slots(b.user_id) end;
begin
  perform private.check_not_suspended(w.user_id);
  perform private.check_available(w, v_total);
  v_lots := private.take_lots(w.id, v_total);
  with model as materialized (
    select m.id, m.late_settle, m.max_attempts, m.price_version, v_now + make_interval(secs => m.hold_seconds) as expires_at,
      exists (select from private.system_prompts p where p.active and p.always and m.kind = any (p.kinds)) as has_presets
    from public.models m
  ), lot as materialized (
    select l.lot -> 'grant_id' as grant_id, (l.lot -> 'amount')::bigint as amount,
      (sum((l.lot -> 'amount')::bigint) over (order by l.n))::bigint as upto
    from jsonb_array_elements(v_lots) with ordinality l (lot, n)
  ), item as materialized (
    select gen_random_uuid() as id, gen_random_uuid() as reservation_id, coalesce((i.item -> 'index')::integer, i.n::integer - 1) as place,
      i.item ->> 'model' as model_id, i.item ->> 'prompt' as prompt, coalesce(nullif(i.item -> 'params', 'null'), '{}') as params,
      i.item -> 'presets' as presets, i.credits, i.n, (sum(i.credits) over (order by i.n))::bigint as upto
    from rows from (jsonb_array_elements(p_items), unnest(p_credits)) with ordinality i (item, credits, n)
    where i.credits is not null -- a part of the items may be all that is afforded
  ), held as (
    insert into public.credit_reservations (
      id, wallet_id, amount, lots, late_settle, expires_at, reference, idempotency_key, request_digest, created_at)
    select i.reservation_id, w.id, i.credits, (
        select jsonb_agg(jsonb_build_object('grant_id', l.grant_id,
          'amount', least(l.upto, i.upto) - greatest(l.upto - l.amount, i.upto - i.credits)) order by l.upto)
        from lot l where l.upto > i.upto - i.credits and l.upto - l.amount < i.upto),
      m.late_settle, m.expires_at, 'generation:' || i.id, 'batch-item:' || i.id, b.request_digest, v_now
    from item i join model m on m.id = i.model_id
  ), made as (
    insert into public.generations (
      id, user_id, model_id, prompt, params, max_attempts, dispatch_at, reservation_id, credits_reserved, price_version,
      batch_id, batch_index, batch_round, presets, created_at)
    select i.id, b.user_id, i.model_id, i.prompt, i.params, m.max_attempts,
      case when i.n <= v_free then p_dispatch_at else 'infinity' end, i.reservation_id, i.credits, m.price_version,
      b.id, i.place, b.rounds,
      -- Called only where there is something to choose.
      case when m.has_presets or jsonb_typeof(i.presets) = 'array' then (
        select private.choose_presets(x, i.prompt, i.params, i.presets) from public.models x where x.id = i.model_id) end,
      v_now
    from item i join model m on m.id = i.model_id
  )
  select min(m.expires_at) into v_tidy_after from model m where m.id in (select i.model_id from item i);
  perform private.move_wallet(w.id, 0, v_total, v_tidy_after);
  if v_queue then
    perform private.promote_waiting(b.user_id, p_dispatch_at);
  end if;
end
$$;

revoke all on function private.hold_items(public.wallets, public.batches, jsonb, bigint[], timestamptz)
  from public, anon, authenticated, service_role;
