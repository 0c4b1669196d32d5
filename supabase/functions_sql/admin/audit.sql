-- audit(p_actor, p_role, p_act, ...) -> bigint      called by: run_act, refuse_act, promote_owner
-- Writes one row of the audit log, in the transaction of the act, and links it into the chain. Nothing else writes there.
-- Call it last: the chain's head stays locked until the transaction ends, and nothing may be locked after it.
create or replace function private.audit(
  p_actor text, p_role text, p_act text, p_subject_type text, p_subject_id text, p_request jsonb, p_before jsonb default null,
  p_after jsonb default null, p_reason text default null, p_outcome text default 'done', p_refusal jsonb default null)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_headers jsonb := nullif(current_setting('request.headers', true), '');
  v_ip text := coalesce(v_headers ->> 'x-client-ip', btrim(split_part(v_headers ->> 'x-forwarded-for', ',', 1)));
  h private.audit_head;
  a private.audit_log;
begin
  select * into strict h from private.audit_head x for no key update;
  a.id := h.rows + 1;
  a.actor := p_actor;
  a.role := p_role;
  a.act := p_act;
  a.subject_type := p_subject_type;
  a.subject_id := left(p_subject_id, 200);
  a.request := p_request;
  a.before := p_before;
  a.after := p_after;
  a.reason := left(p_reason, 500);
  a.outcome := p_outcome;
  a.refusal := p_refusal;
  a.request_id := left(v_headers ->> 'x-request-id', 128);
  a.ip := case when v_ip ~ '^[0-9A-Fa-f.:]{3,45}$' then v_ip end;
  a.prev_hash := h.hash;
  a.created_at := private.clock();
  a.hash := private.audit_hash(a);
  insert into private.audit_log select a.*;
  update private.audit_head x set rows = a.id, hash = a.hash where x.singleton;
  return a.id;
end
$$;

revoke all on function private.audit(text, text, text, text, text, jsonb, jsonb, jsonb, text, text, jsonb)
  from public, anon, authenticated, service_role;
