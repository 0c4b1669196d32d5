-- admin_dismiss_stripe_event(p_event_id, p_reason, p_dry_run) -> jsonb      called by: backend/rpc/admin.py as an admin
-- Lays an event to rest that is parked or waits: it was dealt with by hand and is never applied. It is kept, with the reason. For admins.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422 · event_not_found 404 · invalid_state 409
create or replace function private.act_dismiss_stripe_event(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  e private.stripe_events;
  v_before jsonb;
begin
  perform private.check_reason(p_request ->> 'reason');
  e := private.lock_stripe_event(p_subject_id);
  if e.state = 'handled' then
    raise exception using errcode = 'PT409', message = 'invalid_state', detail = jsonb_build_object('state', e.state)::text,
      hint = 'This event has been applied.';
  end if;
  if e.state = 'ignored' then
    return jsonb_build_object('answer', private.stripe_event_json(e), 'repeated', true);
  end if;
  v_before := jsonb_build_object('state', e.state, 'attempts', e.attempts, 'last_error', e.last_error);
  perform private.finish_stripe_event(e.id, 'ignored', btrim(p_request ->> 'reason'));
  select * into strict e from private.stripe_events x where x.id = e.id;
  return jsonb_build_object('answer', private.stripe_event_json(e), 'before', v_before, 'after', jsonb_build_object('state', e.state));
end
$$;

create or replace function private.admin_dismiss_stripe_event(p_event_id text, p_reason text, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'dismiss_stripe_event', 'stripe_event', p_event_id, jsonb_build_object('reason', p_reason), p_dry_run);
$$;

create or replace function public.admin_dismiss_stripe_event(p_event_id text, p_reason text, p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_dismiss_stripe_event(p_event_id, p_reason, p_dry_run);
$$;

revoke all on function private.act_dismiss_stripe_event(text, jsonb), private.admin_dismiss_stripe_event(text, text, boolean),
  public.admin_dismiss_stripe_event(text, text, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_dismiss_stripe_event(text, text, boolean), public.admin_dismiss_stripe_event(text, text, boolean)
  to authenticated;
