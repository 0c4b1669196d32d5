-- within_limits(p_limits, p_amount) -> boolean      called by: act_adjust_credits
-- Whether the signed-in admin may adjust so much alone: at once, and with what he adjusted alone in the last 24 hours. Credits taken away
-- count like credits added. The caller holds the lock of lock_limits.
create or replace function private.within_limits(p_limits private.role_limits, p_amount bigint)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  return abs(p_amount) <= p_limits.per_act and abs(p_amount) <= p_limits.per_day - (
    select coalesce(sum(abs(x.amount)), 0) from private.credit_adjustments x
    where x.requested_by = auth.uid() and x.created_at > private.clock() - interval '24 hours'
      and x.status = 'applied' and x.decided_by is null);
end
$$;

revoke all on function private.within_limits(private.role_limits, bigint) from public, anon, authenticated, service_role;
