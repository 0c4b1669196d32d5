-- list_due_auto_topups(p_limit) -> jsonb      called by: backend/rpc/topups.py as service_role, from the scheduler
-- Users whose credits fell below their threshold and for whom nothing forbids an attempt now, the flag `payments` neither; who waits longest comes first.
-- It costs in proportion to those who are below their threshold.
-- Refuses: invalid_params 422
create or replace function public.list_due_auto_topups(p_limit integer default 100)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
begin
  perform private.check_sweep_limit(p_limit);
  return (
    select coalesce(jsonb_agg(x.user_id order by x.due_at), '[]') from (
      select a.user_id, a.due_at from public.auto_topups a
      where a.enabled and a.due_at <= v_now and (a.not_before is null or a.not_before <= v_now) and private.flag_on('payments', a.user_id)
      order by a.due_at limit p_limit) x);
end
$$;

revoke all on function public.list_due_auto_topups(integer) from public, anon, authenticated, service_role;
grant execute on function public.list_due_auto_topups(integer) to service_role;
