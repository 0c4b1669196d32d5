-- sweep_credits(p_limit) -> jsonb      called by: backend/rpc/credits.py as service_role, from the scheduler
-- Tidies up to p_limit wallets in which a hold or a lot has expired: {wallets_tidied}.
-- Nothing depends on it: every read and write does the same arithmetic. It costs in proportion to what is open and over.
create or replace function public.sweep_credits(p_limit integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  v_now timestamptz := private.clock();
  v_wallet_id uuid;
  v_tidied bigint := 0;
begin
  perform private.check_sweep_limit(p_limit);
  for v_wallet_id in
    select x.wallet_id from (
      (select r.wallet_id from public.credit_reservations r
       where r.status = 'held' and r.expires_at <= v_now order by r.expires_at limit p_limit)
      union
      (select g.wallet_id from public.credit_grants g
       where g.open and g.expires_at <= v_now order by g.expires_at limit p_limit)
    ) x order by x.wallet_id limit p_limit -- by id: the lock order of several wallets
  loop
    perform private.lock_wallet(v_wallet_id);
    v_tidied := v_tidied + 1;
  end loop;
  return jsonb_build_object('wallets_tidied', v_tidied);
end
$$;

revoke all on function public.sweep_credits(integer) from public, anon, authenticated, service_role;
grant execute on function public.sweep_credits(integer) to service_role;
