-- admin_check_role(p_role, p_request) -> jsonb      called by: backend/rpc/admin.py as whoever asks for an admin's route
-- The role that the signed-in user has now, as a JSON string: this one or a higher one; null asks for any. The guards of admin routes ask
-- on each request, so that a role that was taken away opens nothing any more. p_request: what was asked for ("POST /api/..."), for the audit
-- log, which names those who were turned away.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · user_suspended 403
drop function if exists public.admin_check_role(text);
drop function if exists private.admin_check_role(text);
create or replace function private.admin_check_role(p_role text, p_request text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_code text;
  v_detail text;
  v_hint text;
begin
  perform private.require_role(coalesce(p_role, 'support'));
  return (select to_jsonb(r.role) from private.user_roles r where r.user_id = auth.uid());
exception when sqlstate 'PT403' then
  get stacked diagnostics v_code = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  return private.refuse_act('enter', 'route', p_request, '{}', 'PT403', v_code, v_detail, v_hint);
end
$$;

create or replace function public.admin_check_role(p_role text, p_request text default null)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_check_role(p_role, p_request);
$$;

revoke all on function private.admin_check_role(text, text), public.admin_check_role(text, text)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_check_role(text, text), public.admin_check_role(text, text) to authenticated;
