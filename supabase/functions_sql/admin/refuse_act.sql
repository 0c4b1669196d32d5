-- refuse_act(p_act, ..., p_state, p_code, p_detail, p_hint) -> jsonb      called by: run_act, admin_check_role, in place of raising
-- Writes a refused attempt (or one that failed by a fault of ours, PT500) into the audit log and refuses: what is raised takes the row back with
-- it, so PostgREST is told the status (response.status) and the body is what it makes of a raise. The client sees no difference, and the
-- transaction commits.
-- Who has no role at all is written down once an hour and act, and of a long request only how it begins, so that nobody can fill the log.
create or replace function private.refuse_act(
  p_act text, p_subject_type text, p_subject_id text, p_request jsonb, p_state text, p_code text, p_detail text, p_hint text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_actor text := 'user:' || private.require_user();
  v_role text := (select r.role from private.user_roles r where r.user_id = private.require_user());
  v_request jsonb := p_request - '{reason,idempotency_key}'::text[];
begin
  if octet_length(v_request::text) > 10000 then
    v_request := jsonb_build_object('bytes', octet_length(v_request::text), 'begins', left(v_request::text, 1000));
  end if;
  if v_role is null then -- his attempts wait for each other, and for nobody else's
    perform pg_advisory_xact_lock(hashtextextended('private.refuse_act ' || v_actor, 0));
  end if;
  if v_role is not null or not exists (
    select from private.audit_log a
    where a.actor = v_actor and a.act = p_act and a.outcome = 'refused' and a.created_at > private.clock() - interval '1 hour') then
    perform private.audit(v_actor, v_role, p_act, p_subject_type, p_subject_id, v_request,
      null, null, p_request ->> 'reason',
      case when p_state like 'PT4%' then 'refused' else 'failed' end, jsonb_build_object('status', substr(p_state, 3)::integer, 'code', p_code,
        'details', coalesce(nullif(p_detail, '')::jsonb, '{}')));
  end if;
  perform set_config('response.status', substr(p_state, 3), true);
  return jsonb_build_object('code', p_state, 'message', p_code, 'details', nullif(p_detail, ''), 'hint', nullif(p_hint, ''));
end
$$;

revoke all on function private.refuse_act(text, text, text, jsonb, text, text, text, text) from public, anon, authenticated, service_role;
