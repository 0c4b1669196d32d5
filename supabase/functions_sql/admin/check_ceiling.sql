-- check_ceiling(p_limits, p_amount) -> void      called by: act_adjust_credits, act_decide_adjustment
-- More than this nobody of that role adjusts at once, also not with a second admin.
-- Refuses: limit_exceeded 403
create or replace function private.check_ceiling(p_limits private.role_limits, p_amount bigint)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if abs(p_amount) > coalesce(p_limits.ceiling, 0) then
    raise exception using errcode = 'PT403', message = 'limit_exceeded',
      detail = jsonb_build_object('amount', p_amount, 'ceiling', coalesce(p_limits.ceiling, 0))::text,
      hint = format('Your role may adjust at most %s credits at once, also with an approval.', coalesce(p_limits.ceiling, 0));
  end if;
end
$$;

revoke all on function private.check_ceiling(private.role_limits, bigint) from public, anon, authenticated, service_role;
