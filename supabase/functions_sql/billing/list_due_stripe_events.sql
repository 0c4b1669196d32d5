-- list_due_stripe_events(p_limit) -> jsonb      called by: backend/rpc/stripe_events.py as service_role, from the scheduler
-- Ids of events that wait to be applied, oldest first: a hint was lost, or a retry is due. An answered one comes again after 60 seconds
-- while it still waits. It costs in proportion to what is due.
-- Refuses: invalid_params 422
create or replace function public.list_due_stripe_events(p_limit integer default 100)
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
    select e.id from private.stripe_events e
    where e.state = 'received' and e.next_attempt_at <= v_now
    order by e.next_attempt_at limit p_limit
    for no key update skip locked
  ), marked as (
    update private.stripe_events e set next_attempt_at = v_now + interval '60 seconds' from due where e.id = due.id
    returning e.id, e.received_at
  )
  select coalesce(jsonb_agg(m.id order by m.received_at, m.id), '[]') into v_due from marked m;
  return v_due;
end
$$;

revoke all on function public.list_due_stripe_events(integer) from public, anon, authenticated, service_role;
grant execute on function public.list_due_stripe_events(integer) to service_role;
