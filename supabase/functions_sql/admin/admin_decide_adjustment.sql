-- admin_decide_adjustment(p_adjustment_id, p_approve, p_reason, p_dry_run) -> jsonb      called by: backend/rpc/admin.py as an admin
-- Approves or rejects an adjustment that waits: the second pair of eyes. One's own can be rejected, never approved; who approves must be allowed so
-- much himself, and who asked must still be an admin, so that two agree. The same decision again by the same admin answers the same. What can't be
-- done now (credits that are gone meanwhile, an expiry that has passed) is refused and goes on waiting.
-- Lock order: the admin's role, adjustment, wallet, audit log.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422 · adjustment_not_found 404 · invalid_state 409 ·
--   self_approval 403 · limit_exceeded 403 · insufficient_credits 402
create or replace function private.act_decide_adjustment(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_approve boolean := (p_request ->> 'approve')::boolean;
  v_limits private.role_limits;
  a private.credit_adjustments;
  w public.wallets;
begin
  if v_approve is null then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "approve"}', hint = 'approve is true or false.';
  end if;
  perform private.check_reason(p_request ->> 'reason');
  v_limits := private.lock_limits();
  select * into a from private.credit_adjustments x where x.id = p_subject_id::uuid for no key update;
  if a.id is null then
    raise exception using errcode = 'PT404', message = 'adjustment_not_found',
      detail = jsonb_build_object('adjustment_id', p_subject_id)::text, hint = 'There is no such adjustment.';
  end if;
  if a.decided_by = auth.uid() and a.status = (case when v_approve then 'applied' else 'rejected' end) then
    return jsonb_build_object('answer', private.adjustment_json(a), 'repeated', true);
  end if;
  if v_approve and a.requested_by = auth.uid() then
    raise exception using errcode = 'PT403', message = 'self_approval', detail = jsonb_build_object('adjustment_id', a.id)::text,
      hint = 'You asked for this adjustment: somebody else must approve it.';
  end if;
  select * into strict w from public.wallets x where x.id = a.wallet_id;
  if a.status <> 'pending' or v_approve and (w.user_id is null or a.expires_at <= private.clock() or not exists (
    select from private.user_roles r where r.user_id = a.requested_by and r.role in ('admin', 'owner'))) then
    raise exception using errcode = 'PT409', message = 'invalid_state',
      detail = jsonb_build_object('status', a.status, 'expires_at', private.rfc3339(a.expires_at))::text,
      hint = 'It does not wait any more, its credits would have expired, its user is gone, or who asked is no admin any more.';
  end if;
  w := private.lock_wallet(a.wallet_id);
  if v_approve then
    perform private.check_ceiling(v_limits, a.amount);
    a := private.apply_adjustment(a, w, auth.uid(), btrim(p_request ->> 'reason'));
  else
    update private.credit_adjustments x
    set status = 'rejected', decided_by = auth.uid(), decision_reason = btrim(p_request ->> 'reason'), decided_at = private.clock()
    where x.id = a.id
    returning * into a;
  end if;
  return jsonb_build_object('answer', private.adjustment_json(a), 'after', private.adjusted(a), 'before', jsonb_build_object(
    'balance', w.balance, 'available', w.balance - w.held, 'adjustment_id', a.id, 'status', 'pending'));
end
$$;

create or replace function private.admin_decide_adjustment(p_adjustment_id uuid, p_approve boolean, p_reason text, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'decide_adjustment', 'adjustment', p_adjustment_id::text,
    jsonb_build_object('approve', p_approve, 'reason', p_reason), p_dry_run);
$$;

create or replace function public.admin_decide_adjustment(
  p_adjustment_id uuid, p_approve boolean, p_reason text, p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_decide_adjustment(p_adjustment_id, p_approve, p_reason, p_dry_run);
$$;

revoke all on function private.act_decide_adjustment(text, jsonb), private.admin_decide_adjustment(uuid, boolean, text, boolean),
  public.admin_decide_adjustment(uuid, boolean, text, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_decide_adjustment(uuid, boolean, text, boolean),
  public.admin_decide_adjustment(uuid, boolean, text, boolean) to authenticated;
