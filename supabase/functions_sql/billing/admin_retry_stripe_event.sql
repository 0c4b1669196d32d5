-- admin_retry_stripe_event(p_event_id, p_dry_run) -> jsonb      called by: backend/rpc/admin.py as an admin
-- Puts a parked event back to be applied, with all its attempts; one that waits becomes due now. For admins.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · event_not_found 404 · invalid_state 409
drop function if exists public.admin_retry_stripe_event(text);
drop function if exists private.admin_retry_stripe_event(text);
create or replace function private.act_retry_stripe_event(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  e private.stripe_events := private.lock_stripe_event(p_subject_id);
  v_before jsonb := jsonb_build_object('state', e.state, 'attempts', e.attempts);
begin
  if e.state not in ('received', 'parked') then
    raise exception using errcode = 'PT409', message = 'invalid_state', detail = jsonb_build_object('state', e.state)::text,
      hint = 'This event has been dealt with.';
  end if;
  update private.stripe_events x set state = 'received', attempts = 0, next_attempt_at = private.clock()
  where x.id = e.id
  returning * into e;
  return jsonb_build_object('answer', private.stripe_event_json(e), 'before', v_before,
    'after', jsonb_build_object('state', e.state, 'attempts', e.attempts));
end
$$;

create or replace function private.admin_retry_stripe_event(p_event_id text, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'retry_stripe_event', 'stripe_event', p_event_id, '{}', p_dry_run);
$$;

create or replace function public.admin_retry_stripe_event(p_event_id text, p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_retry_stripe_event(p_event_id, p_dry_run);
$$;

revoke all on function private.act_retry_stripe_event(text, jsonb), private.admin_retry_stripe_event(text, boolean),
  public.admin_retry_stripe_event(text, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_retry_stripe_event(text, boolean), public.admin_retry_stripe_event(text, boolean) to authenticated;
