-- list_dispatchable(p_limit) -> jsonb      called by: backend/rpc/generations.py as service_role, from the scheduler
-- [{id, attempt}] of queued generations that are due for the queue: a retry whose back-off is over, or one that the queue may have lost.
-- An answered row comes again after 60 seconds while it is still queued. It costs in proportion to what is due.
-- Refuses: invalid_params 422
create or replace function public.list_dispatchable(p_limit integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_due jsonb;
begin
  perform private.check_sweep_limit(p_limit);
  with due as (
    select g.id from public.generations g
    where g.status = 'queued' and g.dispatch_at <= v_now
    order by g.dispatch_at limit p_limit
    for no key update skip locked
  ), marked as (
    update public.generations g set dispatch_at = v_now + interval '60 seconds' from due where g.id = due.id
    returning g.id, g.attempt, g.created_at
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'attempt', m.attempt) order by m.created_at), '[]') into v_due
  from marked m;
  return v_due;
end
$$;

revoke all on function public.list_dispatchable(integer) from public, anon, authenticated, service_role;
grant execute on function public.list_dispatchable(integer) to service_role;
