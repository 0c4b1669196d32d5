-- admin_list_audit_log(p_actor, p_act, p_subject_type, p_subject_id, p_outcome, p_since, p_until, p_before, p_limit) -> jsonb
--   called by: backend/rpc/admin.py as an admin
-- {data: [{id, actor, role, act, subject_type, subject_id, request, before, after, reason, outcome, refusal, request_id, ip, prev_hash, hash,
-- created_at}], has_more}, newest first; what is null does not narrow. p_before: the last id of the page before. For admins. p_limit 1 to 200.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422
create or replace function private.admin_list_audit_log(
  p_actor text, p_act text, p_subject_type text, p_subject_id text, p_outcome text, p_since timestamptz, p_until timestamptz,
  p_before bigint, p_limit integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_rows jsonb;
begin
  perform private.require_role('admin');
  perform private.check_page_limit(p_limit);
  select coalesce(jsonb_agg(to_jsonb(a) || jsonb_build_object('created_at', private.rfc3339(a.created_at),
    'prev_hash', encode(a.prev_hash, 'hex'), 'hash', encode(a.hash, 'hex')) order by a.id desc), '[]') into v_rows
  from (
    select x.* from private.audit_log x
    where (p_actor is null or x.actor = p_actor) and (p_act is null or x.act = p_act)
      and (p_subject_type is null or x.subject_type = p_subject_type) and (p_subject_id is null or x.subject_id = p_subject_id)
      and (p_outcome is null or x.outcome = p_outcome)
      and (p_since is null or x.created_at >= p_since) and (p_until is null or x.created_at < p_until)
      and (p_before is null or x.id < p_before)
    order by x.id desc limit p_limit + 1) a;
  return private.page(v_rows, p_limit);
end
$$;

create or replace function public.admin_list_audit_log(
  p_actor text default null, p_act text default null, p_subject_type text default null, p_subject_id text default null,
  p_outcome text default null, p_since timestamptz default null, p_until timestamptz default null, p_before bigint default null,
  p_limit integer default 50)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_list_audit_log(p_actor, p_act, p_subject_type, p_subject_id, p_outcome, p_since, p_until, p_before, p_limit);
$$;

revoke all on function private.admin_list_audit_log(text, text, text, text, text, timestamptz, timestamptz, bigint, integer),
  public.admin_list_audit_log(text, text, text, text, text, timestamptz, timestamptz, bigint, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_list_audit_log(text, text, text, text, text, timestamptz, timestamptz, bigint, integer),
  public.admin_list_audit_log(text, text, text, text, text, timestamptz, timestamptz, bigint, integer) to authenticated;
