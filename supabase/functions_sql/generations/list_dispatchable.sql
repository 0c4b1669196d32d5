-- list_dispatchable(p_limit) -> jsonb      called by: backend/rpc/generations.py as service_role, from the scheduler
-- [{id, attempt, queue}] of queued generations that are due for the queue: a retry whose back-off is over, one that has just got a slot,
-- or one that the queue may have lost. Users take turns: everybody's first, then everybody's second.
-- Before that it fills slots that stayed free, as after user_concurrency was raised.
-- An answered row comes again after 60 seconds while it is still queued. It costs in proportion to what is queued: the plan is made once,
-- and index scans, unlike bitmap scans, mark what is dead in an index (each generation was queued once), so that the next look skips it.
-- Refuses: invalid_params 422
create or replace function public.list_dispatchable(p_limit integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set enable_bitmapscan = off
as $$
declare
  v_now timestamptz := private.clock();
  v_wallet record;
  v_due jsonb;
begin
  perform private.check_sweep_limit(p_limit);
  for v_wallet in
    select w.id, w.user_id
    from (select distinct g.user_id from public.generations g where g.status = 'queued' and g.dispatch_at = 'infinity') x
      join public.wallets w on w.user_id = x.user_id
    where private.free_slots(x.user_id) > 0
    order by w.id limit p_limit -- the lock order of several wallets
  loop
    perform private.lock_wallet(v_wallet.id);
    perform private.promote_waiting(v_wallet.user_id, v_now);
  end loop;
  with due as (
    select g.id, g.dispatch_at,
      row_number() over (partition by g.user_id order by g.dispatch_at, g.created_at, g.batch_index, g.id) as turn
    from public.generations g
    where g.status = 'queued' and g.dispatch_at <= v_now
    order by turn, g.dispatch_at, g.id
  ), chosen as ( -- only what is queued has a dispatch_at, which changes with whatever happens to it
    select g.id, due.turn, due.dispatch_at
    from due join public.generations g on g.id = due.id and g.dispatch_at = due.dispatch_at
    order by due.turn, due.dispatch_at, due.id limit p_limit
    for no key update of g skip locked
  ), marked as (
    update public.generations g set dispatch_at = v_now + interval '60 seconds' from chosen where g.id = chosen.id
    returning g.id, g.attempt, g.batch_id, chosen.turn, chosen.dispatch_at
  )
  select coalesce(jsonb_agg(private.queue_entry(m.id, m.attempt, m.batch_id) order by m.turn, m.dispatch_at, m.id), '[]') into v_due
  from marked m;
  return v_due;
end
$$;

revoke all on function public.list_dispatchable(integer) from public, anon, authenticated, service_role;
grant execute on function public.list_dispatchable(integer) to service_role;
