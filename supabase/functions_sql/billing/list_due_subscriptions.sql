-- list_due_subscriptions(p_limit) -> jsonb      called by: backend/rpc/subscriptions.py as service_role, from the scheduler
-- Stripe's ids of subscriptions whose period should have turned, for the healer to ask about; each again after 6 hours. Ended ones never.
-- It costs in proportion to what is due.
-- Refuses: invalid_params 422
create or replace function public.list_due_subscriptions(p_limit integer default 100)
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
    select s.id from public.subscriptions s where s.check_at <= v_now order by s.check_at limit p_limit for no key update skip locked
  ), marked as (
    update public.subscriptions s set check_at = v_now + interval '6 hours' from due where s.id = due.id
    returning s.stripe_subscription_id, s.created_at
  )
  select coalesce(jsonb_agg(m.stripe_subscription_id order by m.created_at), '[]') into v_due from marked m;
  return v_due;
end
$$;

revoke all on function public.list_due_subscriptions(integer) from public, anon, authenticated, service_role;
grant execute on function public.list_due_subscriptions(integer) to service_role;
