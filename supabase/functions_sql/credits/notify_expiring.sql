-- notify_expiring(p_after, p_after_id, p_limit) -> jsonb      called by: backend/rpc/credits.py as service_role, from the scheduler
-- Tells owners of credits that expire within private.settings.expiry_notice_days: the p_limit open lots that follow (p_after, p_after_id),
-- by expiry (null: the first). {lots, next: {expires_at, grant_id}}; next is null at the end.
-- Guarantees: one notice per lot, however often it is called. It costs in proportion to the open lots that expire so soon.
-- Refuses: invalid_params 422
create or replace function public.notify_expiring(p_after timestamptz default null, p_after_id uuid default null, p_limit integer default 500)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_until timestamptz := v_now + make_interval(days => (select s.expiry_notice_days from private.settings s));
  v_lots bigint := 0;
  v_last jsonb;
  g record;
begin
  perform private.check_sweep_limit(p_limit);
  for g in
    select x.id, x.remaining, x.expires_at, w.user_id
    from public.credit_grants x join public.wallets w on w.id = x.wallet_id
    where x.open and x.expires_at > v_now and x.expires_at < v_until and (p_after is null or x.expires_at >= p_after)
      and (p_after is null or (x.expires_at, x.id) > (p_after, p_after_id))
    order by x.expires_at, x.id limit p_limit
  loop
    v_lots := v_lots + 1;
    v_last := jsonb_build_object('expires_at', private.rfc3339(g.expires_at), 'grant_id', g.id);
    if g.user_id is not null then -- an erased person is told nothing
      perform private.notify(g.user_id, 'credits_expiring',
        jsonb_build_object('credits', g.remaining, 'expires_at', private.rfc3339(g.expires_at)), 'expiry:' || g.id);
    end if;
  end loop;
  return jsonb_build_object('lots', v_lots, 'next', case when v_lots = p_limit then v_last end);
end
$$;

revoke all on function public.notify_expiring(timestamptz, uuid, integer) from public, anon, authenticated, service_role;
grant execute on function public.notify_expiring(timestamptz, uuid, integer) to service_role;
