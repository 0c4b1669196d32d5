-- sweep_generations(p_limit) -> jsonb      called by: backend/rpc/generations.py as service_role, from the scheduler
-- Ends up to p_limit attempts whose lease ran out, as if the worker had reported it: {requeued, failed, canceled}.
-- Whoever waits for a slot that becomes free is due at once.
-- Guarantees: safe to run twice, late or beside itself. It costs in proportion to what it ends.
-- Refuses: invalid_params 422
create or replace function public.sweep_generations(p_limit integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  v_now timestamptz := private.clock();
  v_counts jsonb := '{"queued": 0, "failed": 0, "canceled": 0}';
  g public.generations;
begin
  perform private.check_sweep_limit(p_limit);
  for g in
    select x.* from (
      select y.* from public.generations y
      where y.status = 'running' and y.lease_until <= v_now order by y.lease_until limit p_limit
      for no key update skip locked
    ) x join public.credit_reservations r on r.id = x.reservation_id
    order by r.wallet_id -- the lock order of several wallets
  loop
    g := private.fail_attempt(g, 'worker_lost', 'The worker was lost.', true);
    if g.finished_at is not null then
      perform private.promote_waiting(g.user_id, v_now);
    end if;
    v_counts := jsonb_set(v_counts, array[g.status], to_jsonb((v_counts ->> g.status)::integer + 1));
  end loop;
  return jsonb_build_object('requeued', v_counts -> 'queued', 'failed', v_counts -> 'failed', 'canceled', v_counts -> 'canceled');
end
$$;

revoke all on function public.sweep_generations(integer) from public, anon, authenticated, service_role;
grant execute on function public.sweep_generations(integer) to service_role;
