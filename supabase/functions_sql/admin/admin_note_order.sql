-- admin_note_order(p_order, p_subject, p_dry_run) -> jsonb      called by: backend/rpc/acts.py as an admin, before an order to the workers
-- Writes into the audit log what is ordered where the database does not reach: pause_queue, resume_queue, drain_worker, requeue_job. It is written
-- before the order is given, so that none goes unseen. {order, subject, dry_run}.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422
drop function if exists public.admin_note_order(text, text);
drop function if exists private.admin_note_order(text, text);
create or replace function private.act_note_order(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  if (p_request ->> 'order') is null or p_request ->> 'order' not in ('pause_queue', 'resume_queue', 'drain_worker', 'requeue_job') then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "order"}',
      hint = 'order is pause_queue, resume_queue, drain_worker or requeue_job.';
  end if;
  return jsonb_build_object('answer', jsonb_build_object('order', p_request ->> 'order', 'subject', p_subject_id));
end
$$;

create or replace function private.admin_note_order(p_order text, p_subject text, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'note_order', 'queue', p_subject, jsonb_build_object('order', p_order), p_dry_run);
$$;

create or replace function public.admin_note_order(p_order text, p_subject text, p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_note_order(p_order, p_subject, p_dry_run);
$$;

revoke all on function private.act_note_order(text, jsonb), private.admin_note_order(text, text, boolean),
  public.admin_note_order(text, text, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_note_order(text, text, boolean), public.admin_note_order(text, text, boolean) to authenticated;
