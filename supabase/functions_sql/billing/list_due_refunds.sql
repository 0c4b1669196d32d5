-- list_due_refunds(p_limit) -> jsonb      called by: backend/rpc/billing.py as service_role, from the scheduler
-- Refunds whose sending was interrupted: sent again under their own idempotency key. An answered one comes again after 10 minutes.
-- Refuses: invalid_params 422
create or replace function public.list_due_refunds(p_limit integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_due jsonb;
begin
  perform private.check_sweep_limit(p_limit);
  with due as (
    select x.id from private.payment_refunds x
    where x.status = 'requested' and x.check_at <= private.clock() order by x.check_at limit p_limit for no key update skip locked
  ), marked as (
    update private.payment_refunds x set check_at = private.clock() + interval '10 minutes' from due where x.id = due.id
    returning x.*
  )
  select coalesce(jsonb_agg(private.refund_json(m::private.payment_refunds) order by m.created_at), '[]') into v_due from marked m;
  return v_due;
end
$$;

revoke all on function public.list_due_refunds(integer) from public, anon, authenticated, service_role;
grant execute on function public.list_due_refunds(integer) to service_role;
