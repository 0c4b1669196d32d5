-- list_due_payments(p_limit) -> jsonb      called by: backend/rpc/billing.py as service_role, from the scheduler
-- Ids of payments that have not ended, for the healer to ask Stripe about: first 10 minutes after they began, then ever more rarely.
-- It costs in proportion to what is due.
-- Refuses: invalid_params 422
create or replace function public.list_due_payments(p_limit integer default 100)
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
    select p.id from public.payments p where p.check_at <= v_now order by p.check_at limit p_limit for no key update skip locked
  ), marked as (
    update public.payments p set check_at = v_now + greatest(interval '10 minutes', v_now - p.created_at) from due where p.id = due.id
    returning p.id, p.created_at
  )
  select coalesce(jsonb_agg(m.id order by m.created_at, m.id), '[]') into v_due from marked m;
  return v_due;
end
$$;

revoke all on function public.list_due_payments(integer) from public, anon, authenticated, service_role;
grant execute on function public.list_due_payments(integer) to service_role;
