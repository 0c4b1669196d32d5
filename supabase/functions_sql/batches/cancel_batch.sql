-- cancel_batch(p_batch_id) -> jsonb      called by: backend/rpc/batches.py as the user
-- Ends what has not begun and gives its credits back in one transaction; asks the workers of what runs to stop. Returns the batch.
-- Cancelling again, or what is finished, is the same outcome.
-- Guarantees: one lock and one update of the wallet.
-- Refuses, first match wins: unauthenticated 401 · batch_not_found 404
create or replace function private.cancel_batch(p_batch_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan' -- what is cheaper for so many items costs more to plan each time
as $$
declare
  v_user_id uuid := private.require_user();
  b public.batches := private.find_batch(p_batch_id, v_user_id);
  v_queued uuid[];
  v_holds uuid[];
  w public.wallets;
begin
  with locked as (
    select g.id, g.status, g.reservation_id from public.generations g
    where g.batch_id = b.id and g.status in ('queued', 'running')
    order by g.id for no key update -- generations before wallets
  ), asked as (
    update public.generations g set cancel_requested = true from locked l where l.status = 'running' and g.id = l.id
  )
  select array_agg(l.id), array_agg(l.reservation_id) into v_queued, v_holds from locked l where l.status = 'queued';
  if v_queued is not null then
    w := private.open_wallet(v_user_id);
    perform private.release_holds(w, v_holds, 'canceled');
    update public.generations g
    set status = 'canceled', error_code = 'canceled', error_message = 'Canceled before it started.', dispatch_at = null,
        finished_at = private.clock()
    where g.id = any(v_queued);
    perform private.promote_waiting(v_user_id, private.clock());
  end if;
  return private.batch_json(b);
end
$$;

create or replace function public.cancel_batch(p_batch_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.cancel_batch(p_batch_id);
end
$$;

revoke all on function private.cancel_batch(uuid), public.cancel_batch(uuid) from public, anon, authenticated, service_role;
grant execute on function private.cancel_batch(uuid), public.cancel_batch(uuid) to authenticated;
